import { redrive, type RedriveSummary } from '../admin/redrive/redrive.ts'
import { systemClock } from '../core/clock.ts'
import { connectionOptions, type Command, type CommandLine } from './command-line.ts'
import { withKafka } from './connection.ts'
import { dlqSource, filterFrom, filterOptions } from './dlq-source.ts'
import { Progress } from './progress.ts'
import { onInterrupt, print } from './terminal.ts'

export const dlqRedrive: Command = {
  usage: 'dlq redrive <topology.ts or topic> [options]',
  help: [
    'Sends dead letters again, to the topic and partition they came from, in the order they had',
    'there. Each letter once, also when this is killed and started again. Exit code 1 where letters',
    'were refused.',
  ].join('\n'),
  operand: '<topology.ts or topic>',
  options: {
    ...connectionOptions,
    ...filterOptions,
    limit: { type: 'string', value: 'N', help: 'how many letters to send at most' },
    rate: { type: 'string', value: 'N', help: 'letters a second at most' },
    'max-redrives': {
      type: 'string',
      value: 'N',
      help: 'refuse a letter that was sent again as often (3)',
    },
    id: { type: 'string', value: 'ID', help: 'a redrive of its own, which knows of no other' },
    'pass-others': { type: 'boolean', help: 'letters that are left out count as done with' },
    'dry-run': { type: 'boolean', help: 'say what would be sent, and send nothing' },
    json: { type: 'boolean', help: 'the summary as one JSON object' },
  },
  run: async (line, began) => {
    const source = await dlqSource(line)
    const filter = await filterFrom(line, source)
    const options = { filter, ...optionsFrom(line) }
    using progress = new Progress(systemClock)
    using interrupt = onInterrupt(systemClock)
    const summary = await withKafka(line, (port) =>
      redrive({ port, clock: systemClock }, source.topic, {
        ...options,
        signal: interrupt.signal,
        onProgress: (soFar) => {
          began()
          progress.show(() => `${soFar.redriven} sent, ${lookedAt(soFar)} looked at`)
        },
      }),
    )
    progress.end()
    if (line.flag('json')) print(JSON.stringify(summary))
    else show(summary, source.topic, line.flag('dry-run'))
    if (interrupt.signal.aborted) return 130
    return Object.values(summary.refused).some((count) => count > 0) ? 1 : 0
  },
}

function optionsFrom(line: CommandLine) {
  const limit = line.number('limit', 0)
  const rate = line.number('rate', 1)
  const redrivesMax = line.number('max-redrives', 1)
  const id = line.text('id')
  return {
    ...(limit === undefined ? {} : { limit }),
    ...(rate === undefined ? {} : { rate }),
    ...(redrivesMax === undefined ? {} : { redrivesMax }),
    ...(id === undefined ? {} : { id }),
    passOthers: line.flag('pass-others'),
    dryRun: line.flag('dry-run'),
  }
}

const lookedAt = ({ redriven, earlier, others, refused }: RedriveSummary): number =>
  Object.values(refused).reduce((sum, count) => sum + count, redriven + earlier + others)

const letters = (count: number): string => `${count} ${count === 1 ? 'letter' : 'letters'}`

function show(summary: RedriveSummary, topic: string, isDryRun: boolean): void {
  const { redriven, earlier, others, refused, targets, group } = summary
  print(`${topic}: ${letters(redriven)} ${isDryRun ? 'would be sent' : 'sent'} again`)
  for (const { topic, partition, count } of targets) {
    print(`${String(count).padStart(8)}  to ${topic}-${partition}`)
  }
  if (others > 0) print(`${String(others).padStart(8)}  left out by the filters`)
  if (earlier > 0) print(`${String(earlier).padStart(8)}  sent before, as "${group}" remembers`)
  for (const [reason, count] of Object.entries(refused)) {
    if (count > 0) print(`${String(count).padStart(8)}  refused: ${reason}`)
  }
}
