import { systemClock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { kafkajsPort, type KafkaConnection } from '../kafka/kafkajs/kafkajs-port.ts'
import { KafkaError } from '../kafka/port.ts'
import { openStateDirectory } from '../runtime/state-directory/state-directory.ts'
import type { ThreadConfig } from '../runtime/thread/thread-config.ts'
import { Application } from './application.ts'
import { ApplicationLife } from './application-state.ts'
import { loadTopology } from './load-topology.ts'
import { threadConfigs, type RunOptions } from './options.ts'
import type { LogOptions } from './pino-logger.ts'
import { StreamWorker } from './stream-worker.ts'

export interface StartOptions extends RunOptions {
  /** `host:port` of one or more brokers to begin with. */
  readonly brokers: readonly string[]
  /** Default: the application id. */
  readonly clientId?: string
  readonly tls?: KafkaConnection['tls']
  readonly sasl?: KafkaConnection['sasl']
  /** Default: JSON lines of level `info` on standard output. */
  readonly log?: Partial<LogOptions>
}

/**
 * Runs the topology that a module exports, as a member of its consumer group. The module is named by
 * URL because every thread imports it anew: `start(import.meta.resolve('./orders.ts'), …)`.
 *
 * Rejects with `INVALID_TOPOLOGY`, `INVALID_CONFIG`, `BROKER_UNREACHABLE` or a `STATE_DIRECTORY_…`
 * error before anything runs; what goes wrong later rejects {@link Application.finished}.
 */
export async function start(topologyUrl: string, options: StartOptions): Promise<Application> {
  const topology = await loadTopology(topologyUrl)
  const applicationId = options.applicationId ?? topology.name
  // Checked before anything is touched; the process id is filled in when the directory is ours.
  threadConfigs(options, topology.name, '')
  const connection = connectionOf(options, applicationId)
  await checkBrokers(connection)
  const directory = openStateDirectory(options.stateDir ?? '.millrace', applicationId)
  const life = new ApplicationLife()
  const workers: StreamWorker[] = []
  for (const config of threadConfigs(options, topology.name, directory.processId)) {
    const worker = new StreamWorker(
      {
        topologyUrl,
        fingerprint: topology.fingerprint,
        config,
        connection: { ...connection, clientId: clientIdOf(connection, config) },
        statePath: directory.path,
        log: { level: 'info', pretty: false, file: undefined, ...options.log },
      },
      () => life.follow(workers.map((each) => each.state)),
    )
    workers.push(worker)
  }
  return new Application(topology, workers, life, directory)
}

const clientIdOf = (connection: KafkaConnection, config: ThreadConfig): string =>
  `${connection.clientId}-${config.threadIndex}`

function connectionOf(options: StartOptions, applicationId: string): KafkaConnection {
  const { brokers, clientId = applicationId, tls, sasl } = options
  if (brokers.length === 0) {
    throw new StreamsError('INVALID_CONFIG', {
      message: 'no brokers are given',
      hint: "Name at least one: `brokers: ['localhost:9092']`, --brokers or MILLRACE_BROKERS.",
    })
  }
  return {
    brokers,
    clientId,
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl }),
  }
}

/** One connection and away: a wrong address or password is said at once and by one line. */
async function checkBrokers(connection: KafkaConnection): Promise<void> {
  const port = kafkajsPort(connection, { logger: silentLogger, clock: systemClock })
  try {
    await port.connect()
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    const unreachable = error.kind === 'network'
    throw new StreamsError(unreachable ? 'BROKER_UNREACHABLE' : 'BROKER_REFUSED', {
      message: unreachable
        ? `no broker answers at ${connection.brokers.join(', ')}`
        : `the brokers refuse the connection: ${error.message}`,
      hint: unreachable
        ? 'Start Kafka (`millrace kafka start` for a local one) or check --brokers.'
        : 'Check the user, the password and the TLS settings.',
      cause: error,
    })
  } finally {
    await port.close()
  }
}
