import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Application } from '../app/application.ts'
import type { RunOptions } from '../app/options.ts'
import { pinoLogger, type LogOptions } from '../app/pino-logger.ts'
import { start, type StartOptions } from '../app/start.ts'
import { uncaughtErrorReactions } from '../app/uncaught-error.ts'
import { systemClock } from '../core/clock.ts'
import { messageOf, StreamsError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { connectionOptions, type Command, type CommandLine } from './command-line.ts'
import { connectionFrom, schemaRegistryFrom } from './connection.ts'
import { isTerminal, printError } from './terminal.ts'
import { topologyModule } from './topology-module.ts'

/**
 * How long a clean shutdown may take before the process ends anyway; Kafka then takes over by
 * itself.
 */
const SHUTDOWN_MS = 30_000
/** One Ctrl-C may come as two signals: from the terminal, and passed on by npx. */
const SAME_SIGNAL_MS = 200

export const run: Command = {
  usage: 'run <topology.ts> [options]',
  help: [
    'Runs a topology as a member of its consumer group until SIGTERM or SIGINT, then stops cleanly.',
    'A second signal ends it at once: what is not committed is done again.',
  ].join('\n'),
  operand: '<topology.ts>',
  options: {
    ...connectionOptions,
    'application-id': { type: 'string', value: 'ID', help: "consumer group (the topology's name)" },
    threads: { type: 'string', value: 'N', help: 'stream threads (1)' },
    guarantee: { type: 'string', value: 'G', help: 'exactly-once (default) or at-least-once' },
    'state-dir': { type: 'string', value: 'DIR', help: 'where local stores are kept (.millrace)' },
    'commit-interval': { type: 'string', value: 'TIME', help: '100ms; 30s with at-least-once' },
    'checkpoint-interval': { type: 'string', value: 'TIME', help: 'of the local stores (10s)' },
    'cache-max-bytes': { type: 'string', value: 'N', help: 'record cache; 0 emits every update' },
    'max-task-idle': {
      type: 'string',
      value: 'TIME',
      help: 'wait for an empty input (0ms), or off',
    },
    'session-timeout': { type: 'string', value: 'TIME', help: 'of the group membership (10s)' },
    'max-poll-interval': { type: 'string', value: 'TIME', help: 'of a loop that is stuck (5m)' },
    'transaction-timeout': { type: 'string', value: 'TIME', help: 'of a silent transaction (10s)' },
    'instance-id': { type: 'string', value: 'ID', help: 'static membership (KIP-345)' },
    compression: { type: 'string', value: 'CODEC', help: 'none, gzip, snappy, lz4 or zstd' },
    'replication-factor': { type: 'string', value: 'N', help: 'of internal topics' },
    http: { type: 'string', value: 'ADDRESS', help: 'health and metrics, 127.0.0.1:8080 (off)' },
    'application-server': {
      type: 'string',
      value: 'ADDRESS',
      help: 'where other instances reach --http (its address)',
    },
    'http-token': {
      type: 'string',
      value: 'TEXT',
      help: 'to be shown by who asks; prefer the environment',
    },
    'stuck-after': { type: 'string', value: 'TIME', help: 'a silent thread is not live (60s)' },
    'on-uncaught-error': {
      type: 'string',
      value: 'WHAT',
      help: 'replace-thread, stop-client (default) or stop-application',
    },
    linger: { type: 'string', value: 'TIME', help: 'how long a produced record waits for company' },
    standbys: { type: 'string', value: 'N', help: 'copies of state on other processes (0)' },
    'max-warmups': { type: 'string', value: 'N', help: 'tasks warmed up at a time (2)' },
    'acceptable-lag': { type: 'string', value: 'N', help: 'records a copy may lack (10000)' },
    tracing: { type: 'string', value: 'MODULE', help: 'sets OpenTelemetry up; on: --import did' },
    'log-level': { type: 'string', value: 'LEVEL', help: 'debug, info, warn, error or silent' },
    'log-format': { type: 'string', value: 'FORMAT', help: 'pretty (on a terminal) or json' },
    'log-file': { type: 'string', value: 'FILE', help: 'instead of standard output' },
  },
  run: async (line, began) => {
    const options = startOptions(line)
    const topologyUrl = topologyModule(line)
    const logger = await openLog(options.log)
    const app = await start(topologyUrl, options)
    app.onStateChange((state, before) => {
      if (state === 'running') began()
      logger.info({ state, before }, `application ${state}`)
    })
    if (app.url !== undefined) logger.info({ url: app.url }, 'health and metrics are served')
    const ended = new AbortController()
    endOnSignals(app, ended.signal)
    try {
      await app.finished
      return 0
    } finally {
      ended.abort()
    }
  },
}

/** All of `start`'s options as they were given. */
function startOptions(line: CommandLine): StartOptions & { readonly log: LogOptions } {
  const schemaRegistry = schemaRegistryFrom(line)
  const tracing = line.text('tracing')
  return {
    ...connectionFrom(line),
    ...runOptions(line),
    ...(schemaRegistry === undefined ? {} : { schemaRegistry }),
    ...(tracing === undefined ? {} : { tracing: tracing === 'on' || urlOf(tracing) }),
    log: logOptions(line),
  }
}

const urlOf = (path: string): string => pathToFileURL(resolve(path)).href

function runOptions(line: CommandLine): RunOptions {
  return given({
    applicationId: line.text('application-id'),
    threads: line.number('threads', 1),
    guarantee: line.choice('guarantee', ['exactly-once', 'at-least-once']),
    stateDir: line.text('state-dir'),
    commitInterval: line.duration('commit-interval'),
    checkpointInterval: line.duration('checkpoint-interval'),
    cacheMaxBytes: line.number('cache-max-bytes', 0),
    maxTaskIdle: line.text('max-task-idle') === 'off' ? false : line.duration('max-task-idle'),
    sessionTimeout: line.duration('session-timeout'),
    maxPollInterval: line.duration('max-poll-interval'),
    transactionTimeout: line.duration('transaction-timeout'),
    instanceId: line.text('instance-id'),
    compression: line.choice('compression', ['none', 'gzip', 'snappy', 'lz4', 'zstd']),
    replicationFactor: line.number('replication-factor', 1),
    onUncaughtError: line.choice('on-uncaught-error', uncaughtErrorReactions),
    linger: line.duration('linger'),
    standbys: line.number('standbys', 0),
    maxWarmups: line.number('max-warmups', 1),
    acceptableLag: line.number('acceptable-lag', 0),
    http: line.text('http'),
    applicationServer: line.text('application-server'),
    httpToken: line.text('http-token'),
    stuckAfter: line.duration('stuck-after'),
  })
}

function logOptions(line: CommandLine): LogOptions {
  const file = line.text('log-file')
  const format = line.choice('log-format', ['pretty', 'json'])
  return {
    level: line.choice('log-level', ['debug', 'info', 'warn', 'error', 'silent']) ?? 'info',
    pretty: format === undefined ? file === undefined && isTerminal() : format === 'pretty',
    file,
    traces: line.flag('verbose'),
  }
}

async function openLog(options: LogOptions): Promise<Logger> {
  try {
    return await pinoLogger(options, {})
  } catch (cause) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `the log cannot be written: ${messageOf(cause)}`,
      hint: 'Give --log-file a file that this user may write.',
      cause,
    })
  }
}

/** Without what is undefined, which an optional property may not be. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

/** The first signal stops the application cleanly, if that does not take too long. */
function endOnSignals(app: Application, ended: AbortSignal): void {
  let stoppingSinceMs: number | undefined
  const end = (signal: NodeJS.Signals, why: string): void => {
    printError(`${why}: ended at once, what is not committed will be done again`)
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    const nowMs = systemClock.nowMs()
    if (stoppingSinceMs !== undefined) {
      if (nowMs - stoppingSinceMs > SAME_SIGNAL_MS) end(signal, `a second ${signal}`)
      return
    }
    stoppingSinceMs = nowMs
    void app.stop()
    void systemClock.sleep(SHUTDOWN_MS, ended).then(() => {
      if (!ended.aborted) end(signal, `no clean stop in ${SHUTDOWN_MS / 1_000} s`)
    })
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
}
