/**
 * Every code a {@link StreamsError} can carry. `docs/errors.md` explains each one; a test fails
 * when the page and this list differ.
 */
export const errorCodes = [
  'INVALID_TOPOLOGY',
  'INVALID_CONFIG',
  'SERDE_FAILED',
  'PROCESSING_FAILED',
  'RECORD_LATE',
  'QUEUE_FULL',
  'BUFFER_FULL',
  'TASK_MIGRATED',
  'TASK_CORRUPTED',
  'CHANGELOG_LOST',
  'TOPIC_MISSING',
  'TOPIC_MISMATCHED',
  'OFFSET_MISSING',
  'STORE_MISSING',
  'STORE_UNAVAILABLE',
  'STATE_DIRECTORY_LOCKED',
  'STATE_DIRECTORY_UNUSABLE',
  'BROKER_UNREACHABLE',
  'BROKER_REFUSED',
  'RECORD_BATCH_CORRUPTED',
  'KAFKA_UNAVAILABLE',
  'THREAD_FAILED',
  'APPLICATION_STOPPED',
  'SCHEMA_MISSING',
  'SCHEMA_INCOMPATIBLE',
  'SCHEMA_PENDING',
  'REGISTRY_UNREACHABLE',
  'REGISTRY_REFUSED',
  'STATE_CORRUPTED',
  'REDRIVE_STOPPED',
  'REPLAY_UNFINISHED',
  'GROUP_ACTIVE',
  'HTTP_ADDRESS_UNUSABLE',
] as const

/** A code that `docs/errors.md` explains. */
export type ErrorCode = (typeof errorCodes)[number]

export interface StreamsErrorDetails {
  /** A fact, in lower case, without a full stop. */
  readonly message: string
  /** What to do about it, a sentence. */
  readonly hint: string
  readonly cause?: unknown
}

const marker = Symbol.for('millrace.StreamsError')

/**
 * The one error class of Millrace. Across threads an error loses its class, so know one by
 * {@link isStreamsError}, never by `instanceof`.
 */
export class StreamsError extends Error {
  readonly [marker] = true
  readonly code: ErrorCode
  readonly hint: string

  constructor(code: ErrorCode, details: StreamsErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'StreamsError'
    this.code = code
    this.hint = details.hint
  }
}

/** Whether it is an error of Millrace, from whichever thread it came. */
export const isStreamsError = (error: unknown): error is StreamsError =>
  typeof error === 'object' && error !== null && marker in error

/** A bug of ours: it stops the thread and is never taken for a fault of a record. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure'
}

/** For our own bugs only, never for bad input. */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionFailure(`assertion failed: ${claim}`)
}

export function assertNever(value: never): never {
  throw new AssertionFailure(`assertion failed: unexpected ${JSON.stringify(value)}`)
}

/** The message of anything that can be thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
