import { remoteAround } from './registry/remote-serde.ts'
import type { Serde } from './serde.ts'

const NULL = 1
const SOME = 2
const nullBytes = Uint8Array.of(NULL)

/** For a place where null has to be told apart: one byte in front, 1 for null, 2 for others. */
export const nullable = <T>(inner: Serde<T>): Serde<T | null> => ({
  name: `nullable(${inner.name})`,
  serialize: (value) => {
    if (value === null) return nullBytes
    const plain = inner.serialize(value)
    const bytes = Buffer.allocUnsafe(1 + plain.length)
    bytes[0] = SOME
    bytes.set(plain, 1)
    return bytes
  },
  deserialize: (bytes) => (bytes[0] === NULL ? null : inner.deserialize(bytes.subarray(1))),
  ...remoteAround(
    inner,
    (bytes) => (bytes[0] === NULL ? [] : [bytes.subarray(1)]),
    (other) => nullable(other),
  ),
})
