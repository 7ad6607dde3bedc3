import { StreamsError } from '../../core/errors.ts'
import type { Header, Headers } from '../../core/record.ts'
import { readTime, writeTime } from '../../serde/windowed-key.ts'

/** An update that waits: the last one of its key, and the record that brought it. */
export interface HeldUpdate {
  /** What was sent on last, or would have been: what this update will replace. */
  readonly sentValue: Uint8Array | null
  readonly newValue: Uint8Array | null
  readonly timestampMs: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly headers: Headers
}

const TIME_BYTES = 8
const LENGTH_BYTES = 4
const ABSENT = 0xffffffff

/**
 * Timestamp (8 bytes), offset (8), partition (4); then, each with four bytes of its length in
 * front: the topic, the value sent last, the new value, and names and values of the headers.
 */
export function encodeHeld(held: HeldUpdate): Buffer {
  const parts = [Buffer.from(held.topic), held.sentValue, held.newValue]
  for (const [name, value] of held.headers) parts.push(Buffer.from(name), value)
  let length = 2 * TIME_BYTES + LENGTH_BYTES
  for (const part of parts) length += LENGTH_BYTES + (part?.length ?? 0)
  const bytes = Buffer.allocUnsafe(length)
  writeTime(bytes, held.timestampMs, 0)
  writeTime(bytes, held.offset, TIME_BYTES)
  let at = bytes.writeInt32BE(held.partition, 2 * TIME_BYTES)
  for (const part of parts) {
    at = bytes.writeUInt32BE(part === null ? ABSENT : part.length, at)
    if (part === null) continue
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

export function decodeHeld(stored: Uint8Array): HeldUpdate {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length)
  const parts: (Buffer | null)[] = []
  let at = 2 * TIME_BYTES + LENGTH_BYTES
  while (at + LENGTH_BYTES <= bytes.length) {
    const length = bytes.readUInt32BE(at)
    at += LENGTH_BYTES
    parts.push(length === ABSENT ? null : bytes.subarray(at, at + length))
    if (length !== ABSENT) at += length
  }
  const [topic, sentValue, newValue, ...headers] = parts
  if (at !== bytes.length || !topic || sentValue === undefined || newValue === undefined) {
    throw unreadable(bytes)
  }
  return {
    sentValue,
    newValue,
    timestampMs: readTime(bytes, 0),
    topic: topic.toString(),
    partition: bytes.readInt32BE(2 * TIME_BYTES),
    offset: readTime(bytes, TIME_BYTES),
    headers: headersOf(headers),
  }
}

function headersOf(parts: readonly (Buffer | null)[]): Headers {
  const headers: Header[] = []
  for (let i = 0; i < parts.length; i += 2) {
    headers.push([String(parts[i] ?? ''), parts[i + 1] ?? null])
  }
  return headers
}

const unreadable = (bytes: Uint8Array): StreamsError =>
  new StreamsError('SERDE_FAILED', {
    message: `${bytes.length} bytes are no update that was held back`,
    hint: 'Give the step a store name that no other one has had, or reset the application.',
  })
