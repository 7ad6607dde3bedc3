import type { Duration } from '../core/duration.ts'
import { durationMs } from '../core/duration.ts'
import { remoteAround } from './registry/remote-serde.ts'
import type { Serde } from './serde.ts'

/** Milliseconds since the epoch. A tumbling or hopping window does not contain its end. */
export interface Window {
  readonly startMs: number
  readonly endMs: number
}

/** The key of what is kept of a key and a window. */
export interface Windowed<out K> {
  readonly key: K
  readonly window: Window
}

const TIME_BYTES = 8
/** Where no size is given, as Kafka Streams says Long.MAX_VALUE. */
const UNKNOWN_SIZE_MS = Number.MAX_SAFE_INTEGER

/**
 * Keys of tumbling, hopping and sliding windows as Kafka Streams' `TimeWindowedSerializer` writes
 * them: the key, then eight bytes of the window's start. The end is not written: give `size` (of
 * sliding windows the time difference) where keys are read; `endMs` is 2^53 - 1 without it.
 */
export const windowed = <K>(key: Serde<K>, size?: Duration): Serde<Windowed<K>> =>
  timeWindowed(key, size === undefined ? UNKNOWN_SIZE_MS : durationMs(size))

export const timeWindowed = <K>(inner: Serde<K>, sizeMs: number): Serde<Windowed<K>> => ({
  name: `windowed(${inner.name})`,
  windowBytes: TIME_BYTES,
  ...remoteAround(
    inner,
    (bytes) => [bytes.subarray(0, -TIME_BYTES)],
    (bound) => timeWindowed(bound, sizeMs),
  ),
  serialize: ({ key, window }) => {
    const [bytes, end] = withRoom(inner.serialize(key), TIME_BYTES)
    writeTime(bytes, window.startMs, end)
    return bytes
  },
  deserialize: (bytes) => {
    const end = keyEnd(bytes, TIME_BYTES)
    const startMs = readTime(bytes, end)
    const endMs = Math.min(startMs + sizeMs, Number.MAX_SAFE_INTEGER)
    return { key: inner.deserialize(bytes.subarray(0, end)), window: { startMs, endMs } }
  },
})

/**
 * Keys of session windows as Kafka Streams' `SessionWindowedSerializer` writes them: the key, then
 * eight bytes each of the session's end and its start.
 */
export const sessionWindowed = <K>(inner: Serde<K>): Serde<Windowed<K>> => ({
  name: `session-windowed(${inner.name})`,
  windowBytes: 2 * TIME_BYTES,
  ...remoteAround(inner, (bytes) => [bytes.subarray(0, -2 * TIME_BYTES)], sessionWindowed),
  serialize: ({ key, window }) => {
    const [bytes, end] = withRoom(inner.serialize(key), 2 * TIME_BYTES)
    writeTime(bytes, window.endMs, end)
    writeTime(bytes, window.startMs, end + TIME_BYTES)
    return bytes
  },
  deserialize: (bytes) => {
    const end = keyEnd(bytes, 2 * TIME_BYTES)
    const endMs = readTime(bytes, end)
    const startMs = readTime(bytes, end + TIME_BYTES)
    return { key: inner.deserialize(bytes.subarray(0, end)), window: { startMs, endMs } }
  },
})

/** Eight bytes, big endian. */
export function writeTime(target: Buffer, timeMs: number, at: number): void {
  const high = Math.floor(timeMs / 2 ** 32)
  target.writeInt32BE(high, at)
  target.writeUInt32BE(timeMs - high * 2 ** 32, at + 4)
}

export function readTime(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4)
}

function withRoom(key: Uint8Array, room: number): readonly [bytes: Buffer, keyEnd: number] {
  const bytes = Buffer.allocUnsafe(key.length + room)
  bytes.set(key)
  return [bytes, key.length]
}

function keyEnd(bytes: Uint8Array, times: number): number {
  if (bytes.length >= times) return bytes.length - times
  throw new RangeError(`expected at least ${times} bytes, got ${bytes.length}`)
}
