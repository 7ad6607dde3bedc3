import type { Deserializer, Serializer } from '../serde/serde.ts'

/**
 * A serde that can write a `T`: also one of a wider type, since what it reads back is what was
 * written. So a stream of a narrower type may stand where one of a wider type is expected.
 */
export interface SerdeFor<in T> extends Serializer<T>, Deserializer<unknown> {
  readonly name: string
}
