import { readTime, writeTime } from '../../serde/windowed-key.ts'
import { byteString, bytesOf, type ByteString } from '../byte-string.ts'

/*
 * How timers stand in a store. Each has two rows of the same parts:
 *
 * - by key: 0, key, name, clock, time (this one is in the changelog too),
 * - by time: clock, time, key, name.
 *
 * Key and name end with two zeros; a zero in them is followed by 0xff, so that the order is that
 * of their bytes. The clock is 1 for event time, 2 for the wall clock; with 0 it is no timer but
 * something that waits in the key's queue, which has a row by key only.
 */

export const noClock = 0
export type ClockCode = 0 | 1 | 2

const BY_KEY = 0
const TAIL_BYTES = 9
const TERMINATOR_BYTES = 2

/** A row by its parts. */
export interface TimerParts {
  readonly key: Uint8Array
  readonly name: string
  readonly clock: ClockCode
  readonly atMs: number
}

/** Both rows of a timer; `byTime` is empty for what has no time. */
export interface TimerTexts {
  readonly byKey: ByteString
  readonly byTime: ByteString
}

export function textsOf(key: Uint8Array, name: string, clock: ClockCode, atMs: number): TimerTexts {
  const [keyPart, namePart] = [escaped(key), escaped(Buffer.from(name))]
  const middle = keyPart.length + namePart.length + 2 * TERMINATOR_BYTES
  const bytes = roomFor(1 + middle + TAIL_BYTES)
  bytes[0] = BY_KEY
  writeMiddle(bytes, keyPart, namePart, 1)
  bytes[1 + middle] = clock
  writeTime(bytes, atMs, 2 + middle)
  const byKey = byteString(bytes, 1 + middle + TAIL_BYTES)
  if (clock === noClock) return { byKey, byTime: '' }
  bytes[0] = clock
  writeTime(bytes, atMs, 1)
  writeMiddle(bytes, keyPart, namePart, TAIL_BYTES)
  return { byKey, byTime: byteString(bytes, TAIL_BYTES + middle) }
}

/** The row by time of a row by key. */
export function byTimeOf(byKey: ByteString): ByteString {
  const tail = byKey.length - TAIL_BYTES
  return byKey.charCodeAt(tail) === noClock ? '' : byKey.slice(tail) + byKey.slice(1, tail)
}

export const byKeyOf = (byTime: ByteString): ByteString =>
  `\0${byTime.slice(TAIL_BYTES)}${byTime.slice(0, TAIL_BYTES)}`

export const isByKey = (row: Uint8Array): boolean => row[0] === BY_KEY

export function partsOf(byKey: ByteString): TimerParts {
  const bytes = bytesOf(byKey)
  const tail = bytes.length - TAIL_BYTES
  const keyEnd = endOf(bytes, 1)
  const name = bytes.subarray(keyEnd + TERMINATOR_BYTES, tail - TERMINATOR_BYTES)
  return {
    key: unescaped(bytes.subarray(1, keyEnd)),
    name: unescaped(name).toString(),
    clock: bytes[tail] as ClockCode,
    atMs: readTime(bytes, tail + 1),
  }
}

/** The key, escaped, of a row by key. */
export const escapedKeyOf = (byKey: ByteString): ByteString => {
  let at = byKey.indexOf('\0', 1)
  while (byKey.charCodeAt(at + 1) !== 0) at = byKey.indexOf('\0', at + 2)
  return byKey.slice(1, at)
}

export const timeOf = (byTime: ByteString): number => readTime(bytesOf(byTime.slice(1, 9)), 0)

/** Where the rows by time of a clock begin. */
export const clockStart = (clock: ClockCode): ByteString => String.fromCharCode(clock)

/** Where the rows by time of a clock begin that are due then or later. */
export function timesFrom(clock: ClockCode, atMs: number): Buffer {
  const bytes = Buffer.allocUnsafe(TAIL_BYTES)
  bytes[0] = clock
  writeTime(bytes, atMs, 1)
  return bytes
}

/** Where the rows of a key begin; `keyRowsEnd` is where they end. */
export function keyRows(key: Uint8Array, name?: string): Buffer {
  const parts = [Buffer.of(BY_KEY), escaped(key), END]
  if (name !== undefined) parts.push(escaped(Buffer.from(name)), END)
  return Buffer.concat(parts)
}

/** Key and name of a row by key: all but the time. */
export const namePartOf = (byKey: ByteString): ByteString => byKey.slice(0, -TAIL_BYTES)

export const escapedKey = (key: Uint8Array): ByteString => byteString(escaped(key))

/** As `keyRows`, of a key that is escaped already. */
export const rowsOfEscaped = (key: ByteString): Buffer => bytesOf(`\0${key}\0\0`)

/** Keys from `prefix` on, in the order of their bytes. */
export const keysFrom = (key: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of(BY_KEY), escaped(key)])

export const ALL_KEYS = Buffer.of(BY_KEY)
/** After every row of a timer. */
export const SEQUENCE_KEY = Buffer.of(0xff)

const END = Buffer.alloc(TERMINATOR_BYTES)

let scratch = Buffer.allocUnsafeSlow(4_096)

/** Used again at the next call. */
function roomFor(bytes: number): Buffer {
  if (bytes > scratch.length) scratch = Buffer.allocUnsafeSlow(2 * bytes)
  return scratch
}

function writeMiddle(target: Buffer, key: Uint8Array, name: Uint8Array, start: number): void {
  target.set(key, start)
  target.fill(0, start + key.length, start + key.length + TERMINATOR_BYTES)
  const at = start + key.length + TERMINATOR_BYTES
  target.set(name, at)
  target.fill(0, at + name.length, at + name.length + TERMINATOR_BYTES)
}

function escaped(bytes: Uint8Array): Uint8Array {
  if (bytes.indexOf(0) < 0) return bytes
  const found: number[] = []
  for (const byte of bytes) {
    found.push(byte)
    if (byte === 0) found.push(0xff)
  }
  return Uint8Array.from(found)
}

/** Where the part that begins at `start` ends. */
function endOf(bytes: Buffer, start: number): number {
  let at = bytes.indexOf(0, start)
  while (bytes[at + 1] !== 0) at = bytes.indexOf(0, at + 2)
  return at
}

/** A copy, if there was anything to unescape. */
function unescaped(part: Buffer): Buffer {
  if (part.indexOf(0) < 0) return part
  const bytes: number[] = []
  for (let at = 0; at < part.length; at++) {
    bytes.push(part[at]!)
    if (part[at] === 0) at++
  }
  return Buffer.from(bytes)
}
