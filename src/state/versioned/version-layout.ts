import { readTime, writeTime } from '../../serde/windowed-key.ts'

/*
 * How versions are ordered locally: by key, then by time. A key's latest version, or deletion,
 * stands after its others, where it is found without a search; a later one moves it to its time.
 *
 * Local key: the key, in which each zero byte is followed by 0xff; a zero and a one, so that no key
 * is the beginning of another; eight bytes of the version's timestamp, or 0xff for the latest.
 */
const TIME_BYTES = 8
const END = Buffer.of(0, 1)
const AFTER = Buffer.of(0, 2)
const ESCAPE = 0xff
const NEWEST = Buffer.alloc(TIME_BYTES, 0xff)

/** Where the latest version of a key stands. */
export function newestKey(key: Uint8Array): Buffer {
  const [local, end] = withRoom(key)
  local.set(NEWEST, end)
  return local
}

/** Where a version that is not the latest stands. */
export function versionKey(key: Uint8Array, timestampMs: number): Buffer {
  const [local, end] = withRoom(key)
  writeTime(local, timestampMs, end)
  return local
}

/**
 * How the rows of every key begin that begins so. They come no later than those of other keys that
 * are greater.
 */
export const localPrefix = (prefix: Uint8Array): Buffer => escaped(prefix, 0)[0]

/** After the rows of a key, and before those of every greater one. */
export function afterKey(key: Uint8Array): Buffer {
  const [local, end] = escaped(key, END.length)
  local.set(AFTER, end)
  return local
}

/** A row of a key: the store has others of its own, which are shorter. */
export const isVersion = (local: Uint8Array): boolean => local.length >= END.length + TIME_BYTES

export const isNewest = (local: Uint8Array): boolean =>
  isVersion(local) && NEWEST.compare(local, local.length - TIME_BYTES) === 0

/** Of a row that is not the latest. */
export const timeAt = (local: Uint8Array): number => readTime(local, local.length - TIME_BYTES)

/** Whether two rows are of one key. */
export const isSameKey = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length &&
  Buffer.compare(left.subarray(0, -TIME_BYTES), right.subarray(0, -TIME_BYTES)) === 0

/** The key of a row, as its serde wrote it. */
export function keyAt(local: Uint8Array): Uint8Array {
  const end = local.length - END.length - TIME_BYTES
  const key = Buffer.allocUnsafe(end)
  let length = 0
  for (let at = 0; at < end; at++) {
    const byte = local[at]!
    key[length++] = byte
    if (byte === 0) at++
  }
  return key.subarray(0, length)
}

function withRoom(key: Uint8Array): readonly [local: Buffer, timeAt: number] {
  const [local, end] = escaped(key, END.length + TIME_BYTES)
  local.set(END, end)
  return [local, end + END.length]
}

function escaped(key: Uint8Array, room: number): readonly [local: Buffer, end: number] {
  let zeros = 0
  for (let at = key.indexOf(0); at !== -1; at = key.indexOf(0, at + 1)) zeros++
  const local = Buffer.allocUnsafe(key.length + zeros + room)
  if (zeros === 0) {
    local.set(key)
    return [local, key.length]
  }
  let end = 0
  for (const byte of key) {
    local[end++] = byte
    if (byte === 0) local[end++] = ESCAPE
  }
  return [local, end]
}
