import { pino, type DestinationStream } from 'pino'
import { isStreamsError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { KafkaError } from '../kafka/port.ts'

/** How much is logged, how, and where to. */
export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** For a person at a terminal; else one JSON object a line. */
  readonly pretty: boolean
  /** A file; undefined: standard output. */
  readonly file: string | undefined
  /** With the stack traces of errors whose message says all; others always have theirs. */
  readonly traces?: boolean
}

/** Written synchronously, so that the last lines before a crash are not lost. */
export async function pinoLogger(options: LogOptions, fields: object): Promise<Logger> {
  const destination = pino.destination({ dest: options.file ?? 1, sync: true })
  const err = (error: unknown): unknown => errorFields(error, options.traces === true)
  const settings = { level: options.level, base: fields, serializers: { err } }
  const logger: Logger = options.pretty
    ? pino(settings, await prettyStream(destination))
    : pino(settings, destination)
  return logger
}

/** An error in a log line. */
function errorFields(error: unknown, traces: boolean): unknown {
  if (!(error instanceof Error)) return error
  const { name, message, stack } = error
  const isExplained = isStreamsError(error) || error instanceof KafkaError
  const code = isExplained ? { code: error.code } : {}
  const hint = isStreamsError(error) ? { hint: error.hint } : {}
  const trace = isExplained && !traces ? {} : { stack }
  return { type: name, ...code, message, ...hint, ...trace }
}

/** Loaded when it is wanted: thirty modules that a service never needs. */
async function prettyStream(destination: DestinationStream): Promise<DestinationStream> {
  const { prettyLines } = await import('./pretty-lines.ts')
  return prettyLines(destination)
}
