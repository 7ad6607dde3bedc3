import { pino } from 'pino'
import { PinoPretty } from 'pino-pretty'
import type { Logger } from '../core/logger.ts'

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** For a person at a terminal; else one JSON object a line. */
  readonly pretty: boolean
  /** A file; undefined: standard output. */
  readonly file: string | undefined
}

/** Written synchronously, so that the last lines before a crash are not lost. */
export function pinoLogger(options: LogOptions, fields: object): Logger {
  const destination = pino.destination({ dest: options.file ?? 1, sync: true })
  const settings = { level: options.level, base: fields }
  return options.pretty
    ? pino(
        settings,
        PinoPretty({ destination, colorize: true, ignore: 'pid,hostname', sync: true }),
      )
    : pino(settings, destination)
}
