import type { Header, Headers, RawRecord } from '../../core/record.ts'
import { ByteReader, ByteWriter } from './byte-lines.ts'

/** A record that waits in a store, as bytes. */
export interface WaitingRecord {
  /** What the step was given, as the serde of the stream writes it. */
  readonly value: Uint8Array | null
  readonly timestampMs: number
  readonly headers: Headers
  /** How often the step has tried it, in vain. */
  readonly attempts: number
  /** When it came here, by the wall clock; where it was tried, when it failed first. */
  readonly sinceMs: number
  /** What tells it apart for those outside; empty where nobody is told. */
  readonly id: string
  /** What it came from, as it was read: this is what a dead letter will be. At least one. */
  readonly sources: readonly RawRecord[]
}

const VERSION = 1

/** What a source has in common with the record that waits, and is not written twice. */
const sameValue = 1
const sameKey = 2
const sameHeaders = 4

/** `key` is the record's in the store: it is not written. What is returned is a copy. */
export function encodeWaiting(key: Uint8Array, record: WaitingRecord): Uint8Array {
  const { value, timestampMs, headers, attempts, sinceMs, id, sources } = record
  const writer = new ByteWriter()
  writer.uint8(VERSION)
  writer.uint32(attempts)
  writer.double(sinceMs)
  writer.double(timestampMs)
  writer.text(id)
  writer.bytes(value)
  writeHeaders(writer, headers)
  writer.uint32(sources.length)
  for (const source of sources) {
    const same =
      (isEqual(source.value, value) ? sameValue : 0) |
      (isEqual(source.key, key) ? sameKey : 0) |
      (hasEqual(source.headers, headers) ? sameHeaders : 0)
    writer.uint8(same)
    writer.text(source.topic)
    writer.uint32(source.partition + 1)
    writer.double(source.offset)
    writer.double(source.timestampMs)
    if ((same & sameValue) === 0) writer.bytes(source.value)
    if ((same & sameKey) === 0) writer.bytes(source.key)
    if ((same & sameHeaders) === 0) writeHeaders(writer, source.headers)
  }
  return writer.finish()
}

/** The bytes of the record point into those that it is read from. */
export function decodeWaiting(key: Uint8Array, bytes: Uint8Array): WaitingRecord {
  const reader = new ByteReader(bytes)
  const version = reader.uint8()
  if (version !== VERSION) {
    throw new RangeError(`a record waits in format ${version}, which is not known`)
  }
  const attempts = reader.uint32()
  const sinceMs = reader.double()
  const timestampMs = reader.double()
  const id = reader.text()
  const value = reader.bytes()
  const headers = readHeaders(reader)
  const sources: RawRecord[] = []
  for (let left = reader.uint32(); left > 0; left--) {
    const same = reader.uint8()
    sources.push({
      topic: reader.text(),
      partition: reader.uint32() - 1,
      offset: reader.double(),
      timestampMs: reader.double(),
      value: (same & sameValue) === 0 ? reader.bytes() : value,
      key: (same & sameKey) === 0 ? reader.bytes() : key,
      headers: (same & sameHeaders) === 0 ? readHeaders(reader) : headers,
    })
  }
  return { value, timestampMs, headers, attempts, sinceMs, id, sources }
}

function writeHeaders(writer: ByteWriter, headers: Headers): void {
  writer.uint32(headers.length)
  for (const [name, value] of headers) {
    writer.text(name)
    writer.bytes(value)
  }
}

function readHeaders(reader: ByteReader): Headers {
  const headers: Header[] = []
  for (let left = reader.uint32(); left > 0; left--) headers.push([reader.text(), reader.bytes()])
  return headers
}

const isEqual = (a: Uint8Array | null, b: Uint8Array | null): boolean =>
  a === b || (a !== null && b !== null && Buffer.compare(a, b) === 0)

const hasEqual = (a: Headers, b: Headers): boolean =>
  a === b ||
  (a.length === b.length &&
    a.every(([name, value], at) => name === b[at]?.[0] && isEqual(value, b[at][1])))
