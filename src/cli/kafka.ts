import { kafkaStatus, stopKafka } from '../dev/detached-kafka.ts'
import { startKafka } from '../dev/kafka.ts'
import type { Command } from './command-line.ts'
import { print, printError } from './terminal.ts'

const json = { json: { type: 'boolean', help: 'one JSON object' } } as const

export const kafkaStart: Command = {
  usage: 'kafka start [--json]',
  help: 'Starts Apache Kafka on loopback, for development; it runs until `millrace kafka stop`.',
  options: json,
  run: async (line) => {
    const kafka = await startKafka({ owner: 'detached', onProgress: printError })
    print(
      line.flag('json')
        ? JSON.stringify({ running: true, brokers: kafka.brokers })
        : `Kafka runs on ${kafka.brokers.join(', ')}`,
    )
    return 0
  },
}

export const kafkaStop: Command = {
  usage: 'kafka stop [--json]',
  help: 'Stops the Kafka of `millrace kafka start` and removes its data.',
  options: json,
  run: async (line) => {
    const stopped = await stopKafka()
    const text = stopped ? 'Kafka stopped' : 'no Kafka was running'
    print(line.flag('json') ? JSON.stringify({ stopped }) : text)
    return 0
  },
}

/** Exit code 0 when it runs, 1 when not. */
export const kafkaStatusCommand: Command = {
  usage: 'kafka status [--json]',
  help: 'Says whether the Kafka of `millrace kafka start` runs; the exit code says the same.',
  options: json,
  run: async (line) => {
    const status = await kafkaStatus()
    if (line.flag('json')) print(JSON.stringify({ running: status !== undefined, ...status }))
    else if (status === undefined) print('no Kafka runs')
    else print(`Kafka runs on ${status.brokers.join(', ')}, data in ${status.dataDir}`)
    return status === undefined ? 1 : 0
  },
}
