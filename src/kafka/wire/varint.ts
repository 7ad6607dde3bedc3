/**
 * Kafka's zigzag varints, written. A varint is an int32, a varlong an int64 of which a JS number
 * holds 53 bits. Reading is in the record cursor, which keeps the position.
 */
export function sizeOfVarint(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  if (zigzag < 0x80) return 1
  if (zigzag < 0x4000) return 2
  if (zigzag < 0x20_0000) return 3
  return zigzag < 0x1000_0000 ? 4 : 5
}

/** Returns the position behind what was written. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let zigzag = (value << 1) ^ (value >> 31)
  while (zigzag & ~0x7f) {
    bytes[at++] = zigzag | 0x80
    zigzag >>>= 7
  }
  bytes[at] = zigzag
  return at + 1
}

export function sizeOfVarlong(value: number): number {
  if ((value | 0) === value) return sizeOfVarint(value)
  let size = 1
  for (let left = magnitude(value) / 64; left >= 1; left /= 128) size++
  return size
}

/** Returns the position behind what was written. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  if ((value | 0) === value) return writeVarint(bytes, at, value)
  // The zigzag form would need a 54th bit, so the sign is put beside the magnitude's low six bits.
  const whole = magnitude(value)
  bytes[at++] = ((whole % 64) << 1) | (value < 0 ? 1 : 0) | 0x80
  let left = Math.floor(whole / 64)
  while (left >= 0x80) {
    bytes[at++] = (left % 0x80) | 0x80
    left = Math.floor(left / 0x80)
  }
  bytes[at] = left
  return at + 1
}

/** What zigzag encodes beside the sign: -1 is (0, negative), -2 is (1, negative). */
const magnitude = (value: number): number => (value < 0 ? -value - 1 : value)
