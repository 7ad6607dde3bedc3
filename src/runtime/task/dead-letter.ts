import { deadLetterHeader } from '../../core/dead-letter.ts'
import { isStreamsError, messageOf } from '../../core/errors.ts'
import type { Header, Headers, RawRecord } from '../../core/record.ts'
import type { RecordCollector } from './record-collector.ts'

/** Enough to find the line; a trace must never make a dead letter too large to write. */
const STACK_TRACE_CHARACTERS_MAX = 8_192
const MESSAGE_CHARACTERS_MAX = 2_048

export interface DeadLetterOrigin {
  readonly applicationId: string
  readonly taskId: string
  readonly node: string
  /** How often processing was tried. */
  readonly attempts: number
  /** When the failure happened, wall clock. */
  readonly failedAtMs: number
  /** When it failed for the first time; undefined: now. */
  readonly firstFailedAtMs: number | undefined
}

/** What a dead letter is counted by. */
export const codeOf = (error: unknown): string =>
  isStreamsError(error) ? error.code : 'PROCESSING_FAILED'

const header = (name: keyof typeof deadLetterHeader, value: string | number): Header => [
  deadLetterHeader[name],
  Buffer.from(String(value)),
]

/** Headers of KIP-1034, all text, then ours: what a person needs to find the cause. */
export function deadLetterHeaders(
  source: RawRecord,
  error: unknown,
  origin: DeadLetterOrigin,
): Headers {
  const cause = isStreamsError(error) && error.cause !== undefined ? error.cause : error
  const name = cause instanceof Error ? cause.name : typeof cause
  const stack = cause instanceof Error ? (cause.stack ?? '') : ''
  return [
    ...source.headers,
    header('exception', name),
    header('message', messageOf(cause).slice(0, MESSAGE_CHARACTERS_MAX)),
    header('stackTrace', stack.slice(0, STACK_TRACE_CHARACTERS_MAX)),
    header('topic', source.topic),
    header('partition', source.partition),
    header('offset', source.offset),
    header('code', codeOf(error)),
    header('node', origin.node),
    header('task', origin.taskId),
    header('application', origin.applicationId),
    header('attempts', origin.attempts),
    header('failedAt', origin.failedAtMs),
    header('firstFailedAt', origin.firstFailedAtMs ?? origin.failedAtMs),
  ]
}

/**
 * Writes the record as it was read, by its own key, in the transaction that passes its offset. The
 * timestamp is the record's own. A failure to write is thrown: it must stop the thread (KIP-1034).
 */
export function sendDeadLetter(
  collector: RecordCollector,
  topic: string,
  source: RawRecord,
  error: unknown,
  origin: DeadLetterOrigin,
): void {
  collector.send(
    topic,
    null,
    Math.max(0, source.timestampMs),
    source.key,
    source.value,
    deadLetterHeaders(source, error, origin),
  )
}
