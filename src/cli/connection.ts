import { systemClock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { connect, type ConnectionOptions } from '../app/connect.ts'
import type { KafkaPort } from '../kafka/port.ts'
import { choice, type CommandLine } from './command-line.ts'

/** Where Kafka is, from the options that every command shares. */
export function connectionFrom(line: CommandLine): ConnectionOptions {
  const brokers = (line.text('brokers') ?? 'localhost:9092')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
  const clientId = line.text('client-id')
  const mechanism = choice(line, 'sasl-mechanism', ['plain', 'scram-sha-256', 'scram-sha-512'])
  return {
    brokers,
    ...(clientId === undefined ? {} : { clientId }),
    ...(line.flag('tls') ? { tls: true } : {}),
    ...(mechanism === undefined
      ? {}
      : {
          sasl: {
            mechanism,
            username: required(line, 'sasl-username'),
            password: required(line, 'sasl-password'),
          },
        }),
  }
}

function required(line: CommandLine, name: string): string {
  const value = line.text(name)
  if (value !== undefined) return value
  throw new StreamsError('INVALID_CONFIG', {
    message: `--${name} is missing`,
    hint: 'SASL needs a mechanism, a user and a password.',
  })
}

/** A connection for the time of one piece of work. */
export async function withKafka<T>(
  line: CommandLine,
  work: (port: KafkaPort) => Promise<T>,
): Promise<T> {
  const port = await connect(connectionFrom(line), 'millrace', silentLogger, systemClock)
  try {
    return await work(port)
  } finally {
    await port.close()
  }
}
