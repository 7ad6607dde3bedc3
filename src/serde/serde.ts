import type { RemoteSerde } from './registry/remote-serde.ts'

/**
 * Serialises values for a topic or a store. Function properties, not methods, so that a sink of
 * another type does not compile.
 */
export interface Serializer<in T> {
  /** What it throws is a failure of the step that writes. */
  readonly serialize: (value: T) => Uint8Array
  /**
   * Of a windowed key: how many bytes at its end are the window. As in Kafka Streams the rest of it
   * decides about the partition, so that all windows of a key are in one.
   */
  readonly windowBytes?: number
  /** Of a serde that has to ask a schema registry. */
  readonly remote?: RemoteSerde
}

/** Reads the values of a topic or a store. */
export interface Deserializer<out T> {
  /** May throw: the record then goes where the topology sends records it cannot read. */
  readonly deserialize: (bytes: Uint8Array) => T
  readonly remote?: RemoteSerde
}

/** Both ways. Null never reaches a serde: it is a null key or a tombstone. */
export interface Serde<in out T> extends Serializer<T>, Deserializer<T> {
  /** What a person reads in a topology description, for example `json`. */
  readonly name: string
}
