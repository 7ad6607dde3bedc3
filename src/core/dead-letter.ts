import { headerText, type Headers, type RawRecord } from './record.ts'

/** Header names of KIP-1034, as Kafka Streams 4.2 writes them, then ours. All values are text. */
export const deadLetterHeader = {
  exception: '__streams.errors.exception',
  message: '__streams.errors.message',
  stackTrace: '__streams.errors.stacktrace',
  topic: '__streams.errors.topic',
  partition: '__streams.errors.partition',
  offset: '__streams.errors.offset',
  code: 'millrace.errors.code',
  node: 'millrace.errors.node',
  task: 'millrace.errors.task',
  application: 'millrace.errors.application',
  attempts: 'millrace.errors.attempts',
  failedAt: 'millrace.errors.timestamp',
} as const

/** A dead letter: the record as it was read, and why it is here. */
export interface DeadLetter {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestampMs: number
  /** The record's own headers, without those that say why it is here. */
  readonly headers: Headers
  /** Where the record was read. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly exception: string
  readonly message: string
  readonly stackTrace: string
  /** Empty, like the fields below, in a dead letter of Kafka Streams. */
  readonly code: string
  readonly node: string
  readonly task: string
  readonly application: string
  readonly attempts: number
  readonly failedAtMs: number
}

/** Reads the headers of a record from a dead-letter topic back. */
export function deadLetterOf({ key, value, timestampMs, headers }: RawRecord): DeadLetter {
  const text = (name: keyof typeof deadLetterHeader): string =>
    headerText(headers, deadLetterHeader[name]) ?? ''
  const why = new Set<string>(Object.values(deadLetterHeader))
  return {
    key,
    value,
    timestampMs,
    headers: headers.filter(([name]) => !why.has(name)),
    topic: text('topic'),
    partition: Number(text('partition')),
    offset: Number(text('offset')),
    exception: text('exception'),
    message: text('message'),
    stackTrace: text('stackTrace'),
    code: text('code'),
    node: text('node'),
    task: text('task'),
    application: text('application'),
    attempts: Number(text('attempts')),
    failedAtMs: Number(text('failedAt')),
  }
}
