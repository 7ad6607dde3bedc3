import { systemClock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { connect, type ConnectionOptions } from '../app/connect.ts'
import { KafkaError, type KafkaPort } from '../kafka/port.ts'
import type { SchemaRegistryConnection } from '../serde/registry/confluent-registry.ts'
import { badUsage, type CommandLine } from './command-line.ts'

/** Where Kafka is, from the options that every command shares. */
export function connectionFrom(line: CommandLine): ConnectionOptions {
  const brokers = (line.text('brokers') ?? 'localhost:9092')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
  const clientId = line.text('client-id')
  const mechanism = line.choice('sasl-mechanism', ['plain', 'scram-sha-256', 'scram-sha-512'])
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

/** Where schemas are, for topologies that use them. */
export function schemaRegistryFrom(line: CommandLine): SchemaRegistryConnection | undefined {
  const url = line.text('schema-registry')
  if (url === undefined) return undefined
  const [username, password] = [
    line.text('schema-registry-username'),
    line.text('schema-registry-password'),
  ]
  return {
    url,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  }
}

function required(line: CommandLine, name: string): string {
  const value = line.text(name)
  if (value !== undefined) return value
  throw badUsage(`--sasl-mechanism needs --${name} too`, line.command)
}

/** A connection for the time of one piece of work. */
export async function withKafka<T>(
  line: CommandLine,
  work: (port: KafkaPort) => Promise<T>,
): Promise<T> {
  const port = await connect(connectionFrom(line), 'millrace', silentLogger, systemClock)
  try {
    return await work(port)
  } catch (error) {
    throw error instanceof KafkaError ? explained(error) : error
  } finally {
    await port.close()
  }
}

function explained(error: KafkaError): StreamsError {
  const isGone = error.kind === 'network'
  return new StreamsError(isGone ? 'BROKER_UNREACHABLE' : 'BROKER_REFUSED', {
    message: error.message,
    hint: isGone
      ? 'Check that the brokers run and that their advertised addresses can be reached from here.'
      : 'Correct what the message names, or ask for the permission that is missing.',
    cause: error,
  })
}
