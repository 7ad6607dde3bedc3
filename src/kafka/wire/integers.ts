/**
 * Big-endian integers of Kafka's protocol. An int64 is a JS number, exact below 2^53 in either
 * direction, and goes over the wire as two halves: a bigint per record would be garbage per record.
 */
const HALF = 2 ** 32

export const readInt16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) >> 16) | bytes[at + 1]!

export const readInt32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

export const readInt64 = (bytes: Uint8Array, at: number): number =>
  readInt32(bytes, at) * HALF + (readInt32(bytes, at + 4) >>> 0)

export function writeInt16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

export function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

export function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  writeInt32(bytes, at, Math.floor(value / HALF))
  writeInt32(bytes, at + 4, value)
}
