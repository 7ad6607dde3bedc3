import { pino, type DestinationStream } from 'pino'
import type { Logger } from '../core/logger.ts'

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** For a person at a terminal; else one JSON object a line. */
  readonly pretty: boolean
  /** A file; undefined: standard output. */
  readonly file: string | undefined
}

/** Written synchronously, so that the last lines before a crash are not lost. */
export async function pinoLogger(options: LogOptions, fields: object): Promise<Logger> {
  const destination = pino.destination({ dest: options.file ?? 1, sync: true })
  const settings = { level: options.level, base: fields }
  const logger: Logger = options.pretty
    ? pino(settings, await prettyStream(destination))
    : pino(settings, destination)
  return logger
}

/** Loaded when it is wanted: thirty modules that a service never needs. */
async function prettyStream(destination: DestinationStream): Promise<DestinationStream> {
  const { PinoPretty } = await import('pino-pretty')
  return PinoPretty({ destination, colorize: true, ignore: 'pid,hostname', sync: true })
}
