import { messageOf, StreamsError } from '../../core/errors.ts'
import type { Serde } from '../../serde/serde.ts'

interface ValuesOf<V> {
  readonly name: string
  readonly value: Serde<V>
}

/** A value as a store keeps it; throws `SERDE_FAILED`. */
export function encodeValue<V>({ name, value: serde }: ValuesOf<V>, value: V): Uint8Array {
  try {
    return serde.serialize(value)
  } catch (error) {
    throw new StreamsError('SERDE_FAILED', {
      message: `store "${name}" cannot serialise a value with ${serde.name}: ${messageOf(error)}`,
      hint: 'Give the store the serde of its values, or change the values.',
      cause: error,
    })
  }
}

/** Of bytes that nobody else writes to: a value may point into them. Throws `SERDE_FAILED`. */
export function decodeValue<V>({ name, value: serde }: ValuesOf<V>, bytes: Uint8Array): V {
  try {
    return owned(serde.deserialize(bytes))
  } catch (error) {
    throw new StreamsError('SERDE_FAILED', {
      message: `store "${name}" cannot read a value with ${serde.name}: ${messageOf(error)}`,
      hint: 'Give the store the serde that its values were written with, or reset the application.',
      cause: error,
    })
  }
}

/** Bytes are copied: they may point into a fetched buffer, and would keep all of it in memory. */
export const owned = <T>(value: T): T =>
  value instanceof Uint8Array ? (new Uint8Array(value) as T & Uint8Array) : value
