/**
 * An offset in a partition. A number, not a bigint: exact up to 2^53 - 1, which a partition that
 * takes a million records a second reaches in 285 years, and free of an allocation per record.
 */
export type Offset = number

/** A header as Kafka keeps it: names may repeat, the order counts, a value may be null. */
export type Header = readonly [name: string, value: Uint8Array | null]
/** All headers of a record, in their order. */
export type Headers = readonly Header[]

export const noHeaders: Headers = Object.freeze([])

/** A record as it lies in a topic. Bytes may point into a larger fetched buffer. */
export interface RawRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: Offset
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Headers
}

/** A record on its way through a topology. */
export interface StreamRecord<out K, out V> {
  readonly key: K
  readonly value: V
  readonly timestampMs: number
  readonly headers: Headers
}

/**
 * What a callback is told beside the value. One object is used again for every record, so it is
 * valid during the call only: copy what you keep.
 */
export interface Meta<out K = unknown> {
  readonly key: K
  readonly timestampMs: number
  /** Where the record that is being processed was read; an empty text inside a timer. */
  readonly topic: string
  readonly partition: number
  readonly offset: Offset
  readonly headers: Headers
}

/** The text of the last header with this name, if there is one with a value. */
export function headerText(headers: Headers, name: string): string | undefined {
  const value = headers.findLast(([each]) => each === name)?.[1]
  return value ? new TextDecoder().decode(value) : undefined
}
