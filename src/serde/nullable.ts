import { remoteAround } from './registry/remote-serde.ts'
import type { Serde } from './serde.ts'

const NULL = Uint8Array.of(0)
const SOME = Uint8Array.of(1)

/** For a place where null has to be told apart: one byte in front, 0 for null. */
export const nullable = <T>(inner: Serde<T>): Serde<T | null> => ({
  name: `nullable(${inner.name})`,
  serialize: (value) => (value === null ? NULL : Buffer.concat([SOME, inner.serialize(value)])),
  deserialize: (bytes) => (bytes[0] === 0 ? null : inner.deserialize(bytes.subarray(1))),
  ...remoteAround(
    inner,
    (bytes) => (bytes[0] === 0 ? [] : [bytes.subarray(1)]),
    (other) => nullable(other),
  ),
})
