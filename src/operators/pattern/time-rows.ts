import type { Header, Headers } from '../../core/record.ts'
import type { Serde } from '../../serde/serde.ts'

/** An event that waits for those that should come before it. */
export interface WaitingEvent {
  readonly kind: 'event'
  readonly key: unknown
  readonly value: unknown
  readonly headers: Headers
}

/** A key is to be looked at. */
export interface Timer {
  readonly kind: 'timer'
  readonly key: unknown
}

/** How far the step has come. */
export interface Course {
  readonly kind: 'course'
  /** Of the pattern. */
  readonly hash: number
  /** The largest timestamp of its records; -Infinity: there was none. */
  streamTimeMs: number
  /** All events up to then have come. */
  watermarkMs: number
  /** How many events have waited. */
  sequence: number
}

/** What is found by time, not by key. */
export type TimeRow = WaitingEvent | Timer | Course

const EVENT = 1
const TIMER = 2
const COURSE = 3
const COURSE_BYTES = 29
const ABSENT = 0xffffffff

/** How what waits for its time is kept. */
export function timeRowSerde(key: Serde<unknown>, value: Serde<unknown>): Serde<TimeRow> {
  return {
    name: `pattern-times(${key.name}, ${value.name})`,
    serialize: (row) => {
      switch (row.kind) {
        case 'timer':
          return joined([Buffer.of(TIMER), key.serialize(row.key)])
        case 'event':
          return joined([
            Buffer.of(EVENT),
            ...sized(key.serialize(row.key)),
            ...headerParts(row.headers),
            value.serialize(row.value),
          ])
        case 'course':
          return courseBytes(row)
      }
    },
    deserialize: (bytes) => {
      switch (bytes[0]) {
        case TIMER:
          return { kind: 'timer', key: key.deserialize(bytes.subarray(1)) }
        case EVENT:
          return readEvent(new Reader(bytes), key, value)
        case COURSE:
          return readCourse(Buffer.from(bytes))
        default:
          throw new RangeError(`${bytes.length} bytes are no row of a pattern's times`)
      }
    },
  }
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts)

function sized(bytes: Uint8Array | null): readonly Uint8Array[] {
  const size = Buffer.allocUnsafe(4)
  size.writeUInt32BE(bytes === null ? ABSENT : bytes.length, 0)
  return bytes === null ? [size] : [size, bytes]
}

function headerParts(headers: Headers): readonly Uint8Array[] {
  const count = Buffer.allocUnsafe(4)
  count.writeUInt32BE(headers.length, 0)
  return [
    count,
    ...headers.flatMap(([name, text]) => [...sized(Buffer.from(name)), ...sized(text)]),
  ]
}

class Reader {
  readonly #bytes: Buffer
  #at = 1

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  count(): number {
    const count = this.#bytes.readUInt32BE(this.#at)
    this.#at += 4
    return count
  }

  sized(): Uint8Array | null {
    const size = this.count()
    if (size === ABSENT) return null
    this.#at += size
    return this.#bytes.subarray(this.#at - size, this.#at)
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at)
  }
}

function readEvent(reader: Reader, key: Serde<unknown>, value: Serde<unknown>): WaitingEvent {
  const keyBytes = reader.sized() ?? new Uint8Array(0)
  const headers: Header[] = []
  for (let left = reader.count(); left > 0; left--) {
    const name = Buffer.from(reader.sized() ?? []).toString()
    const text = reader.sized()
    // A copy: what was read may be written over.
    headers.push([name, text && new Uint8Array(text)])
  }
  return {
    kind: 'event',
    key: key.deserialize(keyBytes),
    value: value.deserialize(reader.rest()),
    headers,
  }
}

function courseBytes({ hash, streamTimeMs, watermarkMs, sequence }: Course): Uint8Array {
  const bytes = Buffer.allocUnsafe(COURSE_BYTES)
  bytes.writeUInt8(COURSE, 0)
  bytes.writeUInt32BE(hash, 1)
  bytes.writeDoubleBE(streamTimeMs, 5)
  bytes.writeDoubleBE(watermarkMs, 13)
  bytes.writeDoubleBE(sequence, 21)
  return bytes
}

const readCourse = (bytes: Buffer): Course => ({
  kind: 'course',
  hash: bytes.readUInt32BE(1),
  streamTimeMs: bytes.readDoubleBE(5),
  watermarkMs: bytes.readDoubleBE(13),
  sequence: bytes.readDoubleBE(21),
})
