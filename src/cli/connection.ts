import { readFileSync } from 'node:fs'
import { systemClock } from '../core/clock.ts'
import { messageOf, StreamsError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { connect, type ConnectionOptions } from '../app/connect.ts'
import { refusalHint } from '../kafka/refusal-hint.ts'
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
    ...tlsFrom(line),
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

/** A file of one of the three implies TLS. */
function tlsFrom(line: CommandLine): Pick<ConnectionOptions, 'tls'> {
  const files = { ca: line.text('tls-ca'), cert: line.text('tls-cert'), key: line.text('tls-key') }
  const given = Object.entries(files).filter(([, file]) => file !== undefined)
  if (given.length === 0) return line.flag('tls') ? { tls: true } : {}
  if ((files.cert === undefined) !== (files.key === undefined)) {
    throw badUsage('--tls-cert and --tls-key go together', line.command)
  }
  const read = ([name, file]: readonly [string, string | undefined]) =>
    [name, contentOf(`--tls-${name}`, file ?? '')] as const
  return { tls: Object.fromEntries(given.map(read)) }
}

function contentOf(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `the file of ${option} cannot be read: ${messageOf(cause)}`,
      hint: 'Name a file in PEM format that this user may read.',
      cause,
    })
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
      : (refusalHint(error) ??
        'Correct what the message names, or ask for the permission that is missing.'),
    cause: error,
  })
}
