import { getCompileCacheDir } from 'node:module'
import { hostname } from 'node:os'
import { systemClock } from '../core/clock.ts'
import type { StreamsError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { KafkaConnection } from '../kafka/kafkajs/kafkajs-port.ts'
import { requestStop } from '../runtime/assignment/stop-request.ts'
import type { StateDirectory } from '../runtime/state-directory/state-directory.ts'
import type { ThreadConfig } from '../runtime/thread/thread-config.ts'
import type { Topology } from '../topology/topology.ts'
import type { ApplicationLife } from './application-state.ts'
import { connect } from './connect.ts'
import { memoryShare, threadConfig } from './options.ts'
import { pinoLogger } from './pino-logger.ts'
import type { ShadowRun, StartOptions } from './start.ts'
import { StreamWorker } from './stream-worker.ts'
import { ThreadPool } from './thread-pool.ts'

export interface PoolSetting {
  readonly options: StartOptions
  readonly topologyUrl: string
  readonly topology: Topology
  readonly shadow: ShadowRun | undefined
  readonly connection: KafkaConnection
  /** Where other instances ask this one; undefined: nowhere. */
  readonly server: string | undefined
  readonly directory: StateDirectory
  readonly life: ApplicationLife
}

/** Starts the threads of an application, each a worker. */
export async function openPool(setting: PoolSetting): Promise<ThreadPool> {
  const { options, topology, directory, life } = setting
  const log = { level: 'info', pretty: false, file: undefined, ...options.log } as const
  const config = (index: number, threads: number): ThreadConfig =>
    threadConfig(options, topology.name, directory.processId, index, threads)
  const { applicationId } = config(0, 1)
  const logger = await pinoLogger(log, { application: applicationId })
  return new ThreadPool({
    threads: options.threads ?? 1,
    startThread: (index, threads, onStateChange) =>
      startWorker(setting, config(index, threads), log, onStateChange),
    shareOf: (threads) => memoryShare(options, threads),
    life,
    onUncaughtError: options.onUncaughtError ?? 'stop-client',
    stopApplication: (error, thread) => stopGroup(setting, config(thread, 1), logger, error),
    clock: systemClock,
    logger,
  })
}

function startWorker(
  { topologyUrl, topology, shadow, connection, server, options, directory }: PoolSetting,
  config: ThreadConfig,
  log: Parameters<typeof pinoLogger>[0],
  onStateChange: () => void,
): StreamWorker {
  return new StreamWorker(
    {
      topologyUrl,
      ...(shadow === undefined ? {} : { shadow: shadow.id }),
      fingerprint: topology.fingerprint,
      config: { ...config, server, ...(shadow === undefined ? {} : { until: shadow.until }) },
      connection: { ...connection, clientId: `${connection.clientId}-${config.threadIndex}` },
      schemaRegistry: options.schemaRegistry,
      statePath: directory.path,
      tracing: options.tracing === false ? undefined : options.tracing,
      log,
      compileCache: getCompileCacheDir() !== undefined,
    },
    onStateChange,
  )
}

/** The other instances hear of it through the group, and say in their errors who began. */
async function stopGroup(
  { connection, topology }: PoolSetting,
  config: ThreadConfig,
  logger: Logger,
  error: StreamsError,
): Promise<void> {
  const { processId, threadIndex } = config
  const who = `thread ${threadIndex} of process ${processId} on ${hostname()}`
  const reason = {
    code: 'APPLICATION_STOPPED',
    message: `${who} has stopped the application: ${error.message} (${error.code})`,
    hint: 'This instance itself has not failed. See the log of the one that has, and start all of them again when the reason is gone.',
  } as const
  const port = await connect(connection, connection.clientId, logger, systemClock)
  try {
    await requestStop({ ...config, port, clock: systemClock, logger, topology, reason })
  } finally {
    await port.close()
  }
}
