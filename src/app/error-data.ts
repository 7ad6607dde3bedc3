import { isStreamsError, messageOf, StreamsError, type ErrorCode } from '../core/errors.ts'

/** An error as data: over `postMessage` an error loses its class, its code and its hint. */
export interface ErrorData {
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
  /** The trace of the error and of what caused it, for a person. */
  readonly stack: string
}

export const errorData = (error: unknown): ErrorData => ({
  code: isStreamsError(error) ? error.code : 'THREAD_FAILED',
  message: messageOf(error),
  hint: isStreamsError(error)
    ? error.hint
    : 'This is not an error Millrace expects: run with --verbose and report the trace.',
  stack: traces(error),
})

function traces(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = error.stack ?? error.message
  return error.cause === undefined ? own : `${own}\nbecause of ${traces(error.cause)}`
}

export function errorFrom(data: ErrorData): StreamsError {
  const error = new StreamsError(data.code, data)
  error.stack = data.stack
  return error
}
