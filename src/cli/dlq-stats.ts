import { deadLettersOverTime } from '../admin/dead-letter-stats.ts'
import { durationMs } from '../core/duration.ts'
import type { Command } from './command-line.ts'
import { badUsage } from './command-line.ts'
import { withKafka } from './connection.ts'
import { deadLettersIn, dlqOptions, dlqSource } from './dlq-source.ts'
import { print } from './terminal.ts'

export const dlqStats: Command = {
  usage: 'dlq stats <topology.ts or topic> [options]',
  help: 'Counts dead letters over time, by the topic they came from, the step that failed and the error.',
  operand: '<topology.ts or topic>',
  options: {
    ...dlqOptions,
    by: { type: 'string', value: 'TIME', help: 'the stretches of time that are counted (1h)' },
  },
  run: async (line, began) => {
    const source = await dlqSource(line)
    const stretchMs = durationMs(line.duration('by') ?? '1h')
    if (stretchMs < 1) throw badUsage('--by takes at least 1ms', line.command)
    const rows = await withKafka(line, (port) =>
      deadLettersOverTime(deadLettersIn(port, source, line, began), stretchMs),
    )
    let shown: number | undefined
    for (const row of rows) {
      const { fromMs, count, topic, node, code, exception } = row
      if (line.flag('json')) {
        print(JSON.stringify(row))
        continue
      }
      if (fromMs !== shown) print(new Date(fromMs).toISOString())
      shown = fromMs
      print(`${String(count).padStart(8)}  ${topic}  ${node}  ${code}  ${exception}`)
    }
    return 0
  },
}
