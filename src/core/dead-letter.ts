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
  firstFailedAt: 'millrace.errors.first.timestamp',
  /** Where a timer failed and no record: its name and its time. */
  timer: 'millrace.errors.timer',
  timerAt: 'millrace.errors.timer.at',
} as const

/** How often a record was sent again from a dead-letter topic: it stays with the record. */
export const redriveHeader = 'millrace.redrive.attempts'

/** A dead letter: the record as it was read, and why it is here. */
export interface DeadLetter {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestampMs: number
  /** The record's own headers, without those that say why it is here. */
  readonly headers: Headers
  /** How often it had been sent again before it failed this time. */
  readonly redrives: number
  /** Where the record was read; empty, and -1, where the letter does not say. */
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
  /** As `failedAtMs`, where it was tried once. */
  readonly firstFailedAtMs: number
  /** What failed, where it was no record: then there is no value, and nowhere that it was read. */
  readonly timer: { readonly name: string; readonly atMs: number } | undefined
}

const whyHeaders: ReadonlySet<string> = new Set([...Object.values(deadLetterHeader), redriveHeader])

/** Reads the headers of a record from a dead-letter topic back. */
export function deadLetterOf({ key, value, timestampMs, headers }: RawRecord): DeadLetter {
  const text = (name: string): string => headerText(headers, name) ?? ''
  const of = (name: keyof typeof deadLetterHeader): string => text(deadLetterHeader[name])
  return {
    key,
    value,
    timestampMs,
    headers: ownHeaders(headers),
    redrives: wholeOr(0, text(redriveHeader)),
    topic: of('topic'),
    partition: wholeOr(-1, of('partition')),
    offset: wholeOr(-1, of('offset')),
    exception: of('exception'),
    message: of('message'),
    stackTrace: of('stackTrace'),
    code: of('code'),
    node: of('node'),
    task: of('task'),
    application: of('application'),
    attempts: wholeOr(0, of('attempts')),
    failedAtMs: wholeOr(0, of('failedAt')),
    firstFailedAtMs: wholeOr(0, of('firstFailedAt') || of('failedAt')),
    timer:
      of('topic') !== '' || of('timerAt') === ''
        ? undefined
        : { name: of('timer'), atMs: wholeOr(0, of('timerAt')) },
  }
}

const wholeOr = (otherwise: number, text: string): number =>
  /^-?\d{1,15}$/.test(text) ? Number(text) : otherwise

/**
 * Of each name that says why, the last header is taken away: a record that was read from another
 * dead-letter topic keeps those that it came with.
 */
function ownHeaders(headers: Headers): Headers {
  const taken = new Set<string>()
  return headers
    .toReversed()
    .filter(([name]) => {
      if (!whyHeaders.has(name) || taken.has(name)) return true
      taken.add(name)
      return false
    })
    .toReversed()
}
