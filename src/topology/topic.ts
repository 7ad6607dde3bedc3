import type { Serde, Serializer } from '../serde/serde.ts'

/**
 * A topic and how its records are read and written: a value, to be exported and used in both
 * places.
 */
export interface Topic<in out K, in out V> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/** What a sink needs of a topic. Null never reaches a serializer. */
export interface SinkTopic<in K, in V> {
  readonly name: string
  readonly key: Serializer<NonNullable<K>>
  readonly value: Serializer<NonNullable<V>>
}
