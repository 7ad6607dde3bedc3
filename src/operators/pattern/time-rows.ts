import { noHeaders, type Header, type Headers, type RawRecord } from '../../core/record.ts'
import { remoteAround } from '../../serde/registry/remote-serde.ts'
import type { Serde } from '../../serde/serde.ts'
import type { Progress } from '../../state/window-store.ts'
import { PartsReader, PartsWriter } from './byte-parts.ts'

/** An event that waits for those that should come before it. */
export interface WaitingEvent {
  readonly kind: 'event'
  readonly key: unknown
  readonly value: unknown
  readonly headers: Headers
  /** What it was made of, as it was read: to be set aside where the event cannot be processed. */
  readonly sources: readonly RawRecord[]
}

/** A key is to be looked at. */
export interface Timer {
  readonly kind: 'timer'
  readonly key: unknown
}

/** How far the step has come. */
export interface Course extends Progress {
  readonly kind: 'course'
  /** Of the pattern. */
  readonly hash: number
  /** How many events have waited. */
  sequence: number
}

/** What is found by time, not by key. */
export type TimeRow = WaitingEvent | Timer | Course

const EVENT = 1
const TIMER = 2
const COURSE = 3

/** How what waits for its time is kept. */
export function timeRowSerde(key: Serde<unknown>, value: Serde<unknown>): Serde<TimeRow> {
  const writer = new PartsWriter()
  return {
    name: `pattern-times(${key.name}, ${value.name})`,
    ...remoteAround(value, eventPart, (inner) => timeRowSerde(key, inner)),
    serialize: (row) => {
      switch (row.kind) {
        case 'timer':
          return writer.start(TIMER).part(key.serialize(row.key)).bytes()
        case 'event':
          return eventBytes(writer, row, key, value)
        case 'course':
          return courseBytes(writer, row)
      }
    },
    deserialize: (bytes) => {
      const reader = new PartsReader(bytes)
      switch (reader.kind()) {
        case TIMER:
          return { kind: 'timer', key: key.deserialize(reader.part() as Buffer) }
        case EVENT:
          return readEvent(reader, key, value)
        case COURSE:
          return readCourse(reader)
        default:
          throw new RangeError(`${bytes.length} bytes are no row of a pattern's times`)
      }
    },
  }
}

function courseBytes(writer: PartsWriter, course: Course): Uint8Array {
  const { hash, sequence, streamTimeMs, closedMs, heardMs } = course
  writer.start(COURSE).number(hash).number(sequence).number(streamTimeMs)
  return writer.number(closedMs).number(heardMs).bytes()
}

const readCourse = (reader: PartsReader): Course => ({
  kind: 'course',
  hash: reader.number(),
  sequence: reader.number(),
  streamTimeMs: reader.number(),
  closedMs: reader.number(),
  heardMs: reader.number(),
  isIdle: false,
})

/**
 * Value, key, headers, and the records that it was made of: most often one that has the same bytes,
 * which are not written twice.
 */
function eventBytes(
  writer: PartsWriter,
  { key, value, headers, sources }: WaitingEvent,
  keys: Serde<unknown>,
  values: Serde<unknown>,
): Uint8Array {
  const [first] = sources
  const valueBytes = values.serialize(value)
  const isSameValue = isSame(valueBytes, first?.value)
  // A part is copied: a serde may use its buffer again.
  writer.start(EVENT).part(valueBytes)
  const keyBytes = keys.serialize(key)
  const isSameKey = isSame(keyBytes, first?.key)
  writer.part(keyBytes)
  writeHeaders(writer, headers)
  writer.number(sources.length)
  for (const source of sources) {
    const isLike = source === first && isSameKey && isSameValue && source.headers.length === 0
    writer.part(Buffer.from(source.topic)).number(source.partition).number(source.offset)
    writer.number(source.timestampMs).number(Number(isLike))
    if (isLike) continue
    writer.part(source.key).part(source.value)
    writeHeaders(writer, source.headers)
  }
  return writer.bytes()
}

const isSame = (bytes: Uint8Array, read: Uint8Array | null | undefined): boolean =>
  read !== null && read !== undefined && Buffer.compare(bytes, read) === 0

const eventPart = (bytes: Uint8Array): readonly Uint8Array[] => {
  const reader = new PartsReader(bytes)
  return reader.kind() === EVENT ? [reader.part() as Buffer] : []
}

function readEvent(
  reader: PartsReader,
  keys: Serde<unknown>,
  values: Serde<unknown>,
): WaitingEvent {
  const valueBytes = reader.part() as Buffer
  const keyBytes = reader.part() as Buffer
  const headers = readHeaders(reader)
  const sources = Array.from({ length: reader.number() }, (): RawRecord => {
    const from = {
      topic: String(reader.part()),
      partition: reader.number(),
      offset: reader.number(),
      timestampMs: reader.number(),
    }
    const isLike = reader.number() === 1
    const key = copied(isLike ? keyBytes : reader.part())
    const value = copied(isLike ? valueBytes : reader.part())
    return { ...from, key, value, headers: isLike ? noHeaders : readHeaders(reader) }
  })
  const [key, value] = [keys.deserialize(keyBytes), values.deserialize(valueBytes)]
  return { kind: 'event', key, value, headers, sources }
}

function writeHeaders(writer: PartsWriter, headers: Headers): void {
  writer.number(headers.length)
  for (const [name, value] of headers) writer.part(Buffer.from(name)).part(value)
}

const readHeaders = (reader: PartsReader): Headers =>
  Array.from({ length: reader.number() }, (): Header => [
    String(reader.part()),
    copied(reader.part()),
  ])

/** What was read may be written over. */
export const copied = (bytes: Uint8Array | null): Uint8Array | null =>
  bytes && new Uint8Array(bytes)
