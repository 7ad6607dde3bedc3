import type { Application } from '../app/application.ts'
import type { RunOptions } from '../app/options.ts'
import { pinoLogger, type LogOptions } from '../app/pino-logger.ts'
import { start, type StartOptions } from '../app/start.ts'
import { durationMs, type Duration } from '../core/duration.ts'
import { choice, connectionOptions, type Command, type CommandLine } from './command-line.ts'
import { connectionFrom } from './connection.ts'
import { isTerminal } from './terminal.ts'
import { topologyModule } from './topology-module.ts'

/** How long a clean shutdown may take before the process ends anyway; Kafka then takes over by itself. */
const SHUTDOWN_MS = 30_000

export const run: Command = {
  usage: 'run <topology.ts> [options]',
  help: 'Runs a topology as a member of its consumer group until SIGTERM or SIGINT. A second signal ends it at once.',
  options: {
    ...connectionOptions,
    'application-id': { type: 'string', value: 'ID', help: "consumer group (the topology's name)" },
    threads: { type: 'string', value: 'N', help: 'stream threads (1)' },
    guarantee: { type: 'string', value: 'G', help: 'exactly-once (default) or at-least-once' },
    'state-dir': { type: 'string', value: 'DIR', help: 'where local stores are kept (.millrace)' },
    'commit-interval': { type: 'string', value: 'TIME', help: '100ms; 30s with at-least-once' },
    'checkpoint-interval': { type: 'string', value: 'TIME', help: 'of the local stores (10s)' },
    'cache-max-bytes': { type: 'string', value: 'N', help: 'record cache; 0 emits every update' },
    'session-timeout': { type: 'string', value: 'TIME', help: 'of the group membership (10s)' },
    'transaction-timeout': { type: 'string', value: 'TIME', help: 'of a silent transaction (10s)' },
    'instance-id': { type: 'string', value: 'ID', help: 'static membership (KIP-345)' },
    compression: { type: 'string', value: 'CODEC', help: 'none, gzip, snappy, lz4 or zstd' },
    'replication-factor': { type: 'string', value: 'N', help: 'of internal topics' },
    linger: { type: 'string', value: 'TIME', help: 'how long a produced record waits for company' },
    'log-level': { type: 'string', value: 'LEVEL', help: 'debug, info, warn, error or silent' },
    'log-format': { type: 'string', value: 'FORMAT', help: 'pretty (on a terminal) or json' },
    'log-file': { type: 'string', value: 'FILE', help: 'instead of standard output' },
  },
  run: async (line) => {
    const options = startOptions(line)
    const app = await start(topologyModule(line), options)
    const logger = await pinoLogger(options.log, {})
    app.onStateChange((state, before) => logger.info({ state, before }, `application ${state}`))
    endOnSignals(app)
    await app.finished
    return 0
  },
}

/** All of `start`'s options as they were given. */
function startOptions(line: CommandLine): StartOptions & { readonly log: LogOptions } {
  return { ...connectionFrom(line), ...runOptions(line), log: logOptions(line) }
}

function runOptions(line: CommandLine): RunOptions {
  return given({
    applicationId: line.text('application-id'),
    threads: line.number('threads'),
    guarantee: choice(line, 'guarantee', ['exactly-once', 'at-least-once']),
    stateDir: line.text('state-dir'),
    commitInterval: duration(line, 'commit-interval'),
    checkpointInterval: duration(line, 'checkpoint-interval'),
    cacheMaxBytes: line.number('cache-max-bytes'),
    sessionTimeout: duration(line, 'session-timeout'),
    transactionTimeout: duration(line, 'transaction-timeout'),
    instanceId: line.text('instance-id'),
    compression: choice(line, 'compression', ['none', 'gzip', 'snappy', 'lz4', 'zstd']),
    replicationFactor: line.number('replication-factor'),
    linger: duration(line, 'linger'),
  })
}

function logOptions(line: CommandLine): LogOptions {
  const file = line.text('log-file')
  const format = choice(line, 'log-format', ['pretty', 'json'])
  return {
    level: choice(line, 'log-level', ['debug', 'info', 'warn', 'error', 'silent']) ?? 'info',
    pretty: format === undefined ? file === undefined && isTerminal() : format === 'pretty',
    file,
  }
}

function duration(line: CommandLine, name: string): Duration | undefined {
  const value = line.text(name) as Duration | undefined
  if (value !== undefined) durationMs(value)
  return value
}

/** Without what is undefined, which an optional property may not be. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

function endOnSignals(app: Application): void {
  let asked = false
  const onSignal = (signal: NodeJS.Signals): void => {
    const code = signal === 'SIGINT' ? 130 : 143
    if (asked) process.exit(code)
    asked = true
    setTimeout(() => process.exit(code), SHUTDOWN_MS).unref()
    void app.stop()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
}
