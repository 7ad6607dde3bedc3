import type { Serde } from '../serde/serde.ts'
import type { Windowed } from '../serde/windowed-key.ts'
import type { KeyTimer, TimerClock } from './timer-store.ts'

/** What every kind of store says. */
interface StoreSettings<K, V> {
  /** Given by a person; the changelog topic is `<application id>-<name>-changelog`. */
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  /**
   * `lmdb` survives a restart and may be larger than memory; `memory` is restored from its
   * changelog.
   */
  readonly backend: 'lmdb' | 'memory'
  /** False keeps the store out of Kafka: it is empty after a move. */
  readonly logged: boolean
  /** Topic configuration of the changelog, beyond `cleanup.policy=compact`. */
  readonly changelogConfigs: Readonly<Record<string, string>>
  /** Whether updates are coalesced between commits when the application has a cache. */
  readonly cached: boolean
}

/** How long a row lives after it was put, and by which clock. */
export interface TimeToLive {
  readonly afterMs: number
  /** Event time: stream time against the record's; wall clock: the time of the put. */
  readonly clock: TimerClock
}

/** A store as a topology declares it: data only, the runtime builds it. */
export interface KeyValueStoreSpec<K = unknown, V = unknown> extends StoreSettings<K, V> {
  readonly kind: 'key-value'
  /** False where rows are read by range only: none is kept as an object. */
  readonly readCached?: boolean
  /** How long a row is seen after it was written; undefined: for ever. */
  readonly ttl?: TimeToLive
}

interface WindowedSettings<K, V> extends StoreSettings<Windowed<K>, V> {
  /** Of the key alone, without its window. */
  readonly innerKey: Serde<K>
  /**
   * How long a row can be read: from its time (a window's start, a session's end) until the largest
   * time that was put has come so far. It is deleted soon after.
   */
  readonly retentionMs: number
  /**
   * Rows are grouped by so much time, and by key in a group: about the length of what is read at
   * once of one key; for windows that start at multiples of something, that.
   */
  readonly groupMs: number
}

/** Rows by key and start of a window. */
export interface WindowStoreSpec<K = unknown, V = unknown> extends WindowedSettings<K, V> {
  readonly kind: 'window'
  /** The length of the windows; the local layout does not depend on it. */
  readonly sizeMs: number
  /** Keeps every row that is put for a key and a start, in the order of the puts. */
  readonly duplicates: boolean
}

/** Rows by key, start and end of a session. */
export interface SessionStoreSpec<K = unknown, V = unknown> extends WindowedSettings<K, V> {
  readonly kind: 'session'
}

/** Rows by key and time: each version holds from its timestamp until that of the next one. */
export interface VersionedStoreSpec<K = unknown, V = unknown> extends StoreSettings<K, V> {
  readonly kind: 'versioned'
  /**
   * How far back a version can be asked for, and put: from the largest timestamp that was put. The
   * latest version of a key stays.
   */
  readonly historyMs: number
  /** Each version counts. */
  readonly cached: false
}

/** Timers by key and by time, and queues; to queries, the timers of each key. */
export interface TimerStoreSpec<K = unknown> extends StoreSettings<K, readonly KeyTimer[]> {
  readonly kind: 'timers'
  /** Of the values of records that wait in it; undefined where none do. */
  readonly waiting: Serde<unknown> | undefined
}

export type StoreSpec =
  KeyValueStoreSpec | WindowStoreSpec | SessionStoreSpec | VersionedStoreSpec | TimerStoreSpec
