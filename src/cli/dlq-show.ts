import type { StoredDeadLetter } from '../admin/dead-letters.ts'
import type { Command } from './command-line.ts'
import { withKafka } from './connection.ts'
import { asText, readable } from './decoder.ts'
import { deadLettersIn, dlqOptions, dlqSource, type DlqSource } from './dlq-source.ts'
import { print } from './terminal.ts'

const SHOWN_BY_DEFAULT = 10

export const dlqShow: Command = {
  usage: 'dlq show <topology.ts or topic> [options]',
  help: "Shows dead letters, decoded with the topology's serdes where it is given.",
  operand: '<topology.ts or topic>',
  options: {
    ...dlqOptions,
    limit: {
      type: 'string',
      value: 'N',
      help: `how many, by partition and offset (${SHOWN_BY_DEFAULT})`,
    },
    raw: { type: 'boolean', help: 'key and value as hexadecimal bytes' },
    stack: { type: 'boolean', help: 'with the stack trace' },
  },
  run: async (line, began) => {
    const source = await dlqSource(line)
    const limit = line.number('limit', 0) ?? SHOWN_BY_DEFAULT
    await withKafka(line, async (port) => {
      let shown = 0
      if (limit === 0) return
      for await (const letter of deadLettersIn(port, source, line, began)) {
        const view = await viewOf(letter, source, line.flag('raw'))
        if (line.flag('json')) print(JSON.stringify(view))
        else show(view, line.flag('stack'))
        shown += 1
        if (shown >= limit) return
      }
    })
    return 0
  },
}

interface LetterView extends Omit<StoredDeadLetter, 'key' | 'value' | 'headers'> {
  readonly key: unknown
  readonly value: unknown
  readonly headers: readonly (readonly [name: string, value: unknown])[]
}

async function viewOf(
  letter: StoredDeadLetter,
  source: DlqSource,
  raw: boolean,
): Promise<LetterView> {
  const bytes = (value: Uint8Array | null): string | null =>
    value && Buffer.from(value).toString('hex')
  const shown = raw
    ? { key: bytes(letter.key), value: bytes(letter.value) }
    : await source.decode(letter)
  return {
    ...letter,
    ...shown,
    headers: letter.headers.map(([name, value]) => [name, readable(value, undefined)] as const),
  }
}

function show(letter: LetterView, withStack: boolean): void {
  const { at, code, exception, message } = letter
  const { node, task, attempts, redrives } = letter
  print(`partition ${at.partition} offset ${at.offset}: from ${originOf(letter)}`)
  print(`  error    ${code} ${exception}: ${message.split('\n')[0] ?? ''}`)
  print(`  at       step ${node}, task ${task}, attempt ${attempts}`)
  if (attempts > 1) print(`  failing  since ${new Date(letter.firstFailedAtMs).toISOString()}`)
  if (redrives > 0) print(`  redriven ${redrives} ${redrives === 1 ? 'time' : 'times'} before`)
  print(`  written  ${new Date(letter.timestampMs).toISOString()}`)
  print(`  key      ${asText(letter.key)}`)
  print(`  value    ${asText(letter.value)}`)
  for (const [name, value] of letter.headers) print(`  header   ${name}: ${asText(value)}`)
  if (withStack) print(letter.stackTrace.replace(/^/gm, '  '))
}

function originOf({ timer, topic, partition, offset }: LetterView): string {
  if (timer !== undefined) return `timer "${timer.name}" of ${new Date(timer.atMs).toISOString()}`
  return topic === ''
    ? 'a result, which was read nowhere'
    : `${topic}-${partition} offset ${offset}`
}
