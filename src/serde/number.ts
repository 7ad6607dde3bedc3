import type { Serde } from './serde.ts'

function expectBytes(bytes: Uint8Array, count: number): Buffer {
  if (bytes.length !== count) {
    throw new RangeError(`expected ${count} bytes, got ${bytes.length}`)
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** 32-bit integer, as Kafka's `IntegerSerializer` writes it. */
export const int32: Serde<number> = {
  name: 'int32',
  serialize: (value) => {
    if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 31) {
      throw new RangeError(`${value} is not an integer that fits`)
    }
    const bytes = Buffer.allocUnsafe(4)
    bytes.writeInt32BE(value)
    return bytes
  },
  deserialize: (bytes) => expectBytes(bytes, 4).readInt32BE(),
}

/** 64-bit integer as a number, as Kafka's `LongSerializer` writes it; beyond 2^53 it is refused. */
export const long: Serde<number> = {
  name: 'long',
  serialize: (value) => {
    // Not -2^53 either, which a number holds exactly, but -2^53 - 1 would be read as it.
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not an integer that fits`)
    const bytes = Buffer.allocUnsafe(8)
    const high = Math.floor(value / 2 ** 32)
    bytes.writeInt32BE(high, 0)
    bytes.writeUInt32BE(value - high * 2 ** 32, 4)
    return bytes
  },
  deserialize: (bytes) => {
    const buffer = expectBytes(bytes, 8)
    const value = buffer.readInt32BE(0) * 2 ** 32 + buffer.readUInt32BE(4)
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is beyond 2^53`)
    return value
  },
}

/** 64-bit floating point, as Kafka's `DoubleSerializer` writes it. */
export const double: Serde<number> = {
  name: 'double',
  serialize: (value) => {
    // Otherwise a missing value would be written as NaN.
    if (typeof value !== 'number') throw new TypeError(`expected a number, got ${typeof value}`)
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeDoubleBE(value)
    return bytes
  },
  deserialize: (bytes) => expectBytes(bytes, 8).readDoubleBE(),
}
