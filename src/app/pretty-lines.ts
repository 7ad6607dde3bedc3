import type { DestinationStream } from 'pino'
import { PinoPretty } from 'pino-pretty'

/** Said by the message already, or the same in every line. */
const left = ['level', 'time', 'msg', 'state', 'before', 'application', 'err', 'hint']

interface LoggedError {
  readonly type?: string
  readonly code?: string
  readonly message?: string
  readonly hint?: string
  readonly stack?: string
}

/** Log lines for a person: one line each, and a trace below it where there is one. */
export const prettyLines = (destination: DestinationStream): DestinationStream =>
  PinoPretty({
    destination,
    sync: true,
    translateTime: 'SYS:HH:MM:ss',
    hideObject: true,
    messageFormat: (log, messageKey, _level, { colors }) => {
      const fields = Object.entries(log)
        .filter(([name]) => !left.includes(name))
        .map(([name, value]) => `${name}=${inShort(value)}`)
      const text = `${String(log[messageKey])}${errorIn(log['err'] as LoggedError | undefined)}`
      return fields.length === 0 ? text : `${text}  ${colors.gray(fields.join(' '))}`
    },
  })

function errorIn(error: LoggedError | undefined): string {
  if (error === undefined) return ''
  const { type, code, message, hint, stack } = error
  const text = [`: ${code ?? type}: ${message}`, ...(hint === undefined ? [] : [hint])].join('. ')
  return stack === undefined ? text : `${text}\n${stack}`
}

const inShort = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value)
