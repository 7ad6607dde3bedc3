import type { KeyValueStore, ReadOnlyKeyValueStore, ValueAndTimestamp } from './store.ts'

/** A value of a key and the time it held for. */
export interface Version<out V> extends ValueAndTimestamp<V> {
  /** When the next version, or a deletion, took its place; undefined: it is the latest. */
  readonly validToMs: number | undefined
}

/**
 * Values by key and time (KIP-889): a version holds from its timestamp until that of the next one.
 * Without a time a look-up gives the latest version, which never expires, and ranges go over the
 * latest versions. `approximateCount` counts all versions that are kept.
 */
export interface ReadOnlyVersionedStore<in out K, out V> extends ReadOnlyKeyValueStore<K, V> {
  /**
   * The value as of that time, the latest one without it. Before the history that the store keeps,
   * only a latest version that is as old is found.
   */
  readonly get: (key: K, asOfMs?: number) => V | undefined
  /** The same, with the time since when it holds. */
  readonly getWithTimestamp: (key: K, asOfMs?: number) => ValueAndTimestamp<V> | undefined
  /**
   * A key's versions that held at some time from `fromMs` to `toMs`, both inclusive, earliest
   * first; all that the history has, without them.
   */
  readonly versions: (key: K, fromMs?: number, toMs?: number) => IterableIterator<Version<V>>
}

/**
 * Where a put has come: it is the latest version of its key (or a deletion of that), it lies before
 * a later one, or it was too old for the history and was left out.
 */
export type VersionPlace = 'latest' | 'late' | 'expired'

/** A versioned store that can be written. A put says where in the history it has come. */
export interface VersionedStore<in out K, in out V>
  extends
    ReadOnlyVersionedStore<K, V>,
    Omit<KeyValueStore<K, V>, keyof ReadOnlyKeyValueStore<K, V>> {
  /**
   * The value from that time on, until the time of the next version; null deletes. One that has the
   * same timestamp is replaced. The timestamp is the current record's where none is given.
   */
  readonly put: (key: K, value: V | null, timestampMs?: number) => VersionPlace
  /** As a put of null; gives the value as of that time. Undefined where it was too old. */
  readonly delete: (key: K, timestampMs?: number) => V | undefined
}

/** Whether a store, asked for by its name, keeps versions. */
export const isVersioned = <K, V>(
  store: ReadOnlyKeyValueStore<K, V>,
): store is VersionedStore<K, V> => 'versions' in store
