import type { Windowed } from '../serde/windowed-key.ts'
import type { KeyValue, KeyValueStore, ReadOnlyKeyValueStore } from './store.ts'

/**
 * Rows by key and window; beside what it has of a key-value store with windowed keys, rows are
 * found by time: the start of their window. Rows older than the retention are not seen. `all` and
 * `fetchAll` go by start, then by the key's bytes.
 */
export interface ReadOnlyWindowStore<in out K, out V> extends ReadOnlyKeyValueStore<
  Windowed<K>,
  V
> {
  /** A key's rows with a start from `fromMs` to `toMs`, both inclusive, earliest first. */
  readonly fetch: (key: K, fromMs: number, toMs: number) => IterableIterator<Row<K, V>>
  /** As `fetch`, latest first. */
  readonly backwardFetch: (key: K, fromMs: number, toMs: number) => IterableIterator<Row<K, V>>
  /** All keys' rows with a start from `fromMs` to `toMs`, both inclusive. */
  readonly fetchAll: (fromMs: number, toMs: number) => IterableIterator<Row<K, V>>
  /** As `fetchAll`, latest first. */
  readonly backwardFetchAll: (fromMs: number, toMs: number) => IterableIterator<Row<K, V>>
}

type Row<K, V> = KeyValue<Windowed<K>, V>

/** A store of windows that can be written. */
export interface WindowStore<in out K, in out V>
  extends ReadOnlyWindowStore<K, V>, KeyValueStore<Windowed<K>, V> {}

/** Rows by key and session; found by time: the end of their session. */
export interface ReadOnlySessionStore<in out K, out V> extends ReadOnlyKeyValueStore<
  Windowed<K>,
  V
> {
  /**
   * A key's sessions that end at `earliestEndMs` or later and start at `latestStartMs` or earlier,
   * earliest first: those that a record in the middle would touch.
   */
  readonly findSessions: (
    key: K,
    earliestEndMs: number,
    latestStartMs: number,
  ) => IterableIterator<Row<K, V>>
  /** All of a key's sessions. */
  readonly fetch: (key: K) => IterableIterator<Row<K, V>>
  /**
   * All keys' sessions with an end from `fromMs` to `toMs`, both inclusive, by end, start and key.
   * Those just past the retention are seen as long as they are not deleted, as in Kafka Streams.
   */
  readonly fetchEnded: (fromMs: number, toMs: number) => IterableIterator<Row<K, V>>
}

/** A store of sessions that can be written. */
export interface SessionStore<in out K, in out V>
  extends ReadOnlySessionStore<K, V>, KeyValueStore<Windowed<K>, V> {}

/** For a join, which keeps every record: what a window store with duplicates has too. */
export interface RecordRows<in K, in out V> {
  /**
   * Shows each value of a key with a start from `fromMs` to `toMs`, both inclusive, earliest first
   * and those of one start in the order in which they came. False where there was none.
   */
  readonly each: (
    key: K,
    fromMs: number,
    toMs: number,
    show: (value: V, startMs: number) => void,
  ) => boolean
  /** False where it is so old that it will never be shown. */
  readonly add: (key: K, startMs: number, value: V) => boolean
}

export interface StreamTime {
  /** The largest timestamp that was seen; -1 at the beginning. */
  streamTimeMs: number
}

/** How far the owner of a store has come; it survives a restart with the rows. */
export interface Progress extends StreamTime {
  /**
   * Windows that closed until then were emitted; -1: none. Of a join: since when a record waits.
   */
  closedMs: number
  /** When a record last came, by the wall clock, where its owner wants to know; -1: none. */
  heardMs: number
  /** That is so long ago that windows close by the wall clock. Not kept: it shows again. */
  isIdle: boolean
}

export interface Progressive {
  /** For the operator that owns the store, which changes it. Saved with each commit. */
  readonly progress: Progress
  /** Where several streams come to one store: the time of one of them, by a name in the store. */
  readonly streamTimeOf: (input: string) => StreamTime
}
