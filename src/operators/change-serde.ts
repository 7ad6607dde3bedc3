import { StreamsError } from '../core/errors.ts'
import { remoteAround } from '../serde/registry/remote-serde.ts'
import type { Serde } from '../serde/serde.ts'
import type { Change } from '../topology/processor.ts'

const HAS_NEW = 1
const HAS_OLD = 2

/**
 * An update on its way through a repartition topic: one byte that says what is there, the length of
 * the new value, the new value, the old value. Both travel in one record where the group stays the
 * same (KIP-904).
 */
export function changeSerde<V>(inner: Serde<V>): Serde<Change<V>> {
  return {
    name: `change(${inner.name})`,
    ...remoteAround(inner, partsOf, changeSerde),
    serialize: ({ newValue, oldValue }) => {
      const newBytes = newValue === null ? undefined : inner.serialize(newValue)
      const newLength = newBytes?.length ?? 0
      // A serde may use its buffer again: the first result is copied before the second is made.
      const head = Buffer.allocUnsafe(5 + newLength)
      if (newBytes !== undefined) head.set(newBytes, 5)
      const oldBytes = oldValue === null ? undefined : inner.serialize(oldValue)
      head[0] = (newBytes === undefined ? 0 : HAS_NEW) | (oldBytes === undefined ? 0 : HAS_OLD)
      head.writeUInt32BE(newLength, 1)
      return oldBytes === undefined ? head : Buffer.concat([head, oldBytes])
    },
    deserialize: (bytes) => {
      const flags = bytes[0] ?? 0
      const [newBytes, oldBytes] = partsOf(bytes)
      return {
        newValue: flags & HAS_NEW ? inner.deserialize(newBytes) : null,
        oldValue: flags & HAS_OLD ? inner.deserialize(oldBytes) : null,
      }
    },
  }
}

/** The new value and the old one; either may be empty. */
function partsOf(bytes: Uint8Array): readonly [newBytes: Uint8Array, oldBytes: Uint8Array] {
  const newEnd = 5 + lengthOf(bytes)
  return [bytes.subarray(5, newEnd), bytes.subarray(newEnd)]
}

function lengthOf(bytes: Uint8Array): number {
  const length =
    bytes.length < 5
      ? Infinity
      : new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(1)
  if (5 + length > bytes.length) {
    throw new StreamsError('SERDE_FAILED', {
      message: `${bytes.length} bytes are no table update`,
      hint: 'Another program writes to this repartition topic: only this topology may.',
    })
  }
  return length
}
