import { groupDeadLetters } from '../admin/dead-letters.ts'
import type { Command } from './command-line.ts'
import { withKafka } from './connection.ts'
import { deadLettersIn, dlqOptions, dlqSource } from './dlq-source.ts'
import { print } from './terminal.ts'

export const dlqList: Command = {
  usage: 'dlq list <topology.ts or topic> [options]',
  help: 'Counts the dead letters by the topic they came from, the step that failed and the error.',
  operand: '<topology.ts or topic>',
  options: dlqOptions,
  run: async (line, began) => {
    const source = await dlqSource(line)
    const groups = await withKafka(line, (port) =>
      groupDeadLetters(deadLettersIn(port, source, line, began)),
    )
    if (line.flag('json')) {
      for (const group of groups) print(JSON.stringify(group))
      return 0
    }
    const total = groups.reduce((sum, { count }) => sum + count, 0)
    print(`${source.topic}: ${total} dead ${total === 1 ? 'letter' : 'letters'}`)
    for (const {
      count,
      topic: from,
      node,
      code,
      exception,
      lastFailedAtMs,
      lastMessage,
    } of groups) {
      const last = lastFailedAtMs > 0 ? new Date(lastFailedAtMs).toISOString() : ''
      print(`${String(count).padStart(8)}  ${from}  ${node}  ${code}  ${exception}  ${last}`)
      print(`          ${lastMessage.split('\n')[0] ?? ''}`)
    }
    return 0
  },
}
