import { inspect } from 'node:util'
import { isStreamsError, messageOf } from '../core/errors.ts'

/** What happened and what to do, in one line. */
export function inOneLine(error: unknown): string {
  const message = messageOf(error)
  const line = isStreamsError(error)
    ? `error ${error.code}: ${message}${/[.?!…]$/.test(message) ? '' : '.'} ${error.hint}`
    : `error: ${message}`
  return line.replaceAll(/\s*\n\s*/g, ' ').trim()
}

/** For `--verbose`: the stack trace, and what caused it. */
export function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return inspect(error)
  const own = error.stack ?? error.message
  return error.cause === undefined ? own : `${own}\nbecause of ${traceOf(error.cause)}`
}

/** 1 for work that failed and for bugs, 2 for what could not begin. */
export const exitCodeOf = (error: unknown, hasBegun: boolean): number =>
  !hasBegun && isStreamsError(error) && error.code !== 'THREAD_FAILED' ? 2 : 1
