import { durationMs, type Duration } from '../core/duration.ts'
import { StreamsError } from '../core/errors.ts'
import type { Compression } from '../kafka/port.ts'
import type { Patience } from './health.ts'
import { uncaughtErrorReactions, type UncaughtErrorPolicy } from './uncaught-error.ts'
import type { Guarantee, MemoryShare, ThreadConfig } from '../runtime/thread/thread-config.ts'

/** How an application runs; what it does is in its topology. */
export interface RunOptions {
  /**
   * Consumer group, and prefix of internal topics and transactional ids; default: the topology's
   * name.
   */
  readonly applicationId?: string
  /** Stream threads, each a worker; default 1. */
  readonly threads?: number
  /** Default `exactly-once`. */
  readonly guarantee?: Guarantee
  /** Where local stores are kept; default `.millrace`. */
  readonly stateDir?: string
  /** Default `100ms` with exactly-once, `30s` with at-least-once, as in Kafka Streams. */
  readonly commitInterval?: Duration
  /** How far local stores may lag behind commits; default `10s`. */
  readonly checkpointInterval?: Duration
  /**
   * Bytes of the record cache over all threads, which coalesces updates of a key between commits;
   * default 10 MiB, `0` emits every update.
   */
  readonly cacheMaxBytes?: number
  /**
   * How long a task that reads several topics, or several partitions, waits for one that is empty
   * before it goes on with what it has, in the order of timestamps. Default `0ms`: it waits for
   * records that are known to be at the broker, and for no others. `false`: not even for those.
   */
  readonly maxTaskIdle?: Duration | false
  /** How long Kafka waits for a silent member; default `10s`. */
  readonly sessionTimeout?: Duration
  /**
   * A thread whose loop has not come round for so long leaves the group, for others to take its
   * tasks, and the application counts as stuck; default `5m`, as Kafka's `max.poll.interval.ms`.
   */
  readonly maxPollInterval?: Duration
  /** How long Kafka keeps a silent transaction open; default `10s`. */
  readonly transactionTimeout?: Duration
  /** Static membership (KIP-345): a restart within the session timeout moves no task. */
  readonly instanceId?: string
  /** Of produced batches; default `none`. */
  readonly compression?: Compression
  /** Of internal topics; default: the cluster's. */
  readonly replicationFactor?: number
  /** How long a produced record waits for company; default `5ms`. */
  readonly linger?: Duration
  /**
   * How many other processes keep a copy of each task's state up to date, to take over at once;
   * default 0.
   */
  readonly standbys?: number
  /**
   * How many tasks of the group may be warmed up at a time where they are to move to; default 2.
   */
  readonly maxWarmups?: number
  /** Changelog records that a copy may lack and still take its task over; default 10,000. */
  readonly acceptableLag?: number
  /**
   * What becomes of the application when a thread fails for good (KIP-671); default `stop-client`.
   * A record that fails is the topology's business (`onFailure`), unless that says `stop`.
   */
  readonly onUncaughtError?: UncaughtErrorPolicy
  /**
   * Where health, metrics and state are served over HTTP: `host:port`, or a port alone for
   * loopback; port 0 is any that is free. Default: nowhere.
   */
  readonly http?: string
  /**
   * Where other instances reach what `http` serves, to ask for state that is here: `host:port`,
   * with `https://` in front behind a proxy, or a host alone. Default: where `http` listens, unless
   * that is loopback or every address.
   */
  readonly applicationServer?: string
  /**
   * Who asks over HTTP has to send it as a bearer token, except for health; instances send it to
   * each other, so it is the same for all. Default: none is needed.
   */
  readonly httpToken?: string
  /**
   * How long a step may hold a thread up before the application counts as stuck, to
   * `/health/live`; default `60s`. A loop that waits for Kafka is given `maxPollInterval`.
   */
  readonly stuckAfter?: Duration
}

const HEARTBEAT_MIN_MS = 50
/** A heartbeat tells a member that the group rebalances: so long it may go on unaware. */
const HEARTBEAT_MAX_MS = 1_000
const guarantees: readonly Guarantee[] = ['exactly-once', 'at-least-once']
const compressions: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

const MIB = 1024 * 1024
const CACHE_BYTES = 10 * MIB
const THREADS_MAX = 256
const MAX_POLL_INTERVAL_MS = 300_000

/** The configuration of each thread, checked. */
export function threadConfigs(
  options: RunOptions,
  topologyName: string,
  processId: string,
): readonly ThreadConfig[] {
  const { threads = 1 } = options
  checkThreads(threads)
  checkPolicy(options.onUncaughtError)
  return Array.from({ length: threads }, (_, index) =>
    threadConfig(options, topologyName, processId, index, threads),
  )
}

/** `INVALID_CONFIG` where a process cannot have so many. */
function checkThreads(threads: number): void {
  if (Number.isInteger(threads) && threads >= 1 && threads <= THREADS_MAX) return
  throw invalid(`${threads} threads`, `Choose a whole number from 1 to ${THREADS_MAX}.`)
}

/** What each of so many threads may take of the memory that they share. */
export function memoryShare(
  { cacheMaxBytes = CACHE_BYTES }: RunOptions,
  threads: number,
): MemoryShare {
  checkThreads(threads)
  if (!(cacheMaxBytes >= 0)) {
    throw invalid(`a cache of ${cacheMaxBytes} bytes`, 'Choose 0 or more bytes.')
  }
  return {
    dirtyBytesMax: (128 * MIB) / threads,
    cacheMaxBytes: Math.floor(cacheMaxBytes / threads),
    readCacheMaxBytes: (64 * MIB) / threads,
  }
}

/** How long a thread may be silent, and its loop wait, before the application counts as stuck. */
export const patienceOf = (options: RunOptions): Patience => ({
  stuckAfterMs: durationMs(options.stuckAfter ?? '60s'),
  maxPollIntervalMs: maxPollIntervalOf(options),
})

/** The configuration of one of so many threads, checked. */
export function threadConfig(
  options: RunOptions,
  topologyName: string,
  processId: string,
  threadIndex: number,
  threads: number,
): ThreadConfig {
  const { instanceId, replicationFactor = -1 } = options
  const guarantee = oneOf(guarantees, options.guarantee ?? 'exactly-once', 'guarantee')
  if (replicationFactor !== -1) atLeast(1, replicationFactor, 'replicas of an internal topic')
  const sessionTimeoutMs = sessionTimeoutOf(options)
  return {
    applicationId: checkedId(options.applicationId ?? topologyName),
    processId,
    threadIndex,
    guarantee,
    ...memoryShare(options, threads),
    ...commitTimes(options, guarantee),
    maxTaskIdleMs: options.maxTaskIdle === false ? -1 : durationMs(options.maxTaskIdle ?? '0ms'),
    // Less than a producer keeps of records for topics that it is still looking for.
    sendBufferBytesMax: 24 * MIB,
    sessionTimeoutMs,
    heartbeatIntervalMs: Math.min(
      HEARTBEAT_MAX_MS,
      Math.max(HEARTBEAT_MIN_MS, Math.floor(sessionTimeoutMs / 4)),
    ),
    rebalanceTimeoutMs: 60_000,
    maxPollIntervalMs: maxPollIntervalOf(options),
    instanceId: instanceId === undefined ? null : `${instanceId}-${threadIndex}`,
    compression: oneOf(compressions, options.compression ?? 'none', 'compression'),
    replicationFactor,
    lingerMs: durationMs(options.linger ?? '5ms'),
    ...replicas(options),
  }
}

function checkPolicy(policy: UncaughtErrorPolicy = 'stop-client'): void {
  if (typeof policy === 'function') return
  if (uncaughtErrorReactions.some((each) => each === policy)) return
  throw invalid(
    `onUncaughtError "${policy}"`,
    `Choose ${uncaughtErrorReactions.join(', ')}, or a function of the error that gives one of them.`,
  )
}

function checkedId(applicationId: string): string {
  if (/^[a-zA-Z0-9._-]{1,180}$/.test(applicationId)) return applicationId
  throw invalid(
    `an application called "${applicationId}"`,
    'Use letters, digits, dots, underscores and hyphens: Kafka names its internal topics after it.',
  )
}

function commitTimes(options: RunOptions, guarantee: Guarantee) {
  const commitIntervalMs = durationMs(
    options.commitInterval ?? (guarantee === 'exactly-once' ? '100ms' : '30s'),
  )
  const transactionTimeoutMs = durationMs(options.transactionTimeout ?? '10s')
  if (guarantee === 'exactly-once' && commitIntervalMs * 2 > transactionTimeoutMs) {
    throw invalid(
      `a commit interval of ${commitIntervalMs} ms with a transaction timeout of ${transactionTimeoutMs} ms`,
      'Choose a transaction timeout of at least twice the commit interval.',
    )
  }
  const checkpointIntervalMs = durationMs(options.checkpointInterval ?? '10s')
  return { commitIntervalMs, transactionTimeoutMs, checkpointIntervalMs }
}

const sessionTimeoutOf = ({ sessionTimeout = '10s' }: RunOptions): number =>
  durationMs(sessionTimeout)

function maxPollIntervalOf(options: RunOptions): number {
  const { maxPollInterval } = options
  const sessionTimeoutMs = sessionTimeoutOf(options)
  if (maxPollInterval === undefined) return Math.max(MAX_POLL_INTERVAL_MS, sessionTimeoutMs)
  const maxPollIntervalMs = durationMs(maxPollInterval)
  if (maxPollIntervalMs >= sessionTimeoutMs) return maxPollIntervalMs
  throw invalid(
    `a longest poll interval of ${maxPollIntervalMs} ms with a session timeout of ${sessionTimeoutMs} ms`,
    'Choose one that is at least as long as the session timeout.',
  )
}

function replicas({ standbys = 0, maxWarmups = 2, acceptableLag = 10_000 }: RunOptions) {
  atLeast(0, standbys, 'standbys of a task')
  atLeast(1, maxWarmups, 'tasks warmed up at a time')
  atLeast(0, acceptableLag, 'records of acceptable lag')
  return { standbys, maxWarmups, acceptableLag }
}

/** What is no TypeScript may give anything: it must not come to mean less than was asked for. */
function oneOf<T extends string>(words: readonly T[], given: T, what: string): T {
  if (words.includes(given)) return given
  throw invalid(`the ${what} "${given}"`, `Choose one of ${words.join(', ')}.`)
}

function atLeast(least: number, given: number, what: string): void {
  if (Number.isSafeInteger(given) && given >= least) return
  throw invalid(`${given} ${what}`, `Choose a whole number, ${least} or more.`)
}

const invalid = (what: string, hint: string): StreamsError =>
  new StreamsError('INVALID_CONFIG', { message: `${what} cannot be run`, hint })
