import type { Headers, Offset } from '../core/record.ts'
import type { ByteEntry } from './backend.ts'

/** A row and when it was put, by the time of its record. */
export interface ValueAndTimestamp<out V> {
  readonly value: V
  readonly timestampMs: number
}

/** A row with its key. */
export type KeyValue<K, V> = readonly [key: K, value: V]

/**
 * Values are handed out as they were put, not as copies: treat them as immutable and put a new one.
 * Ranges are ordered by the key's bytes and are read lazily; they see no later change for certain.
 */
export interface ReadOnlyKeyValueStore<in out K, out V> {
  readonly name: string
  /** The latest value; undefined where there is none. */
  readonly get: (key: K) => V | undefined
  /** The same, with its timestamp. */
  readonly getWithTimestamp: (key: K) => ValueAndTimestamp<V> | undefined
  /** Both ends inclusive, as in Kafka Streams; null is unbounded. */
  readonly range: (from: K | null, to: K | null) => IterableIterator<KeyValue<K, V>>
  /** As `range`, from the last key to the first. */
  readonly reverseRange: (from: K | null, to: K | null) => IterableIterator<KeyValue<K, V>>
  /** Every key whose bytes start with the bytes of `prefix`. */
  readonly prefixScan: (prefix: Uint8Array) => IterableIterator<KeyValue<K, V>>
  /** Every row. */
  readonly all: () => IterableIterator<KeyValue<K, V>>
  /** How many rows there are, about: updates in a cache may not be counted. */
  readonly approximateCount: () => number
}

/** What a cached store tells its owner when an update leaves the cache. */
export type FlushListener<K, V> = (
  key: K,
  newValue: V | null,
  oldValue: V | null,
  timestampMs: number,
  headers: Headers,
) => void

/** A store that can be written. */
export interface KeyValueStore<in out K, in out V> extends ReadOnlyKeyValueStore<K, V> {
  /** Null deletes. The timestamp is the current record's where none is given. */
  readonly put: (key: K, value: V | null, timestampMs?: number) => void
  /** The value that was there, or undefined after the put. */
  readonly putIfAbsent: (key: K, value: V) => V | undefined
  /** Puts each entry, in order; a value of null deletes. */
  readonly putAll: (entries: Iterable<KeyValue<K, V | null>>) => void
  /** The value that was there. */
  readonly delete: (key: K) => V | undefined
  /**
   * For the operator that owns the store. True when the store is cached: updates are then announced
   * to the listener when they leave the cache (commit or eviction), coalesced per key. False when
   * it is not: the operator forwards at once and the listener is never called.
   */
  readonly onFlush: (listener: FlushListener<K, V>) => boolean
}

/**
 * A part of a checkpoint: entries sorted by key, after those of the slice before. May have none.
 */
export interface CheckpointSlice {
  readonly entries: readonly ByteEntry[]
  readonly isLast: boolean
}

export interface ReadCounts {
  /** From an object in memory. */
  cached: number
  /** From bytes, of the local storage or about to be written there. */
  decoded: number
}

/** What the runtime holds of an open store. */
export interface StoreHandle {
  readonly name: string
  /** What operators and queries are given. */
  readonly store: KeyValueStore<never, never>
  /** Pushes cached updates to the changelog and downstream; before every commit. */
  readonly flush: () => void
  /**
   * Bytes in memory that the local store does not hold yet, those of a checkpoint under way
   * included.
   */
  readonly dirtyBytes: () => number
  /** How reads of single keys were answered; undefined where that is not counted. */
  readonly reads?: Readonly<ReadCounts>
  /**
   * Begins a checkpoint of all that is dirty now, while it can be written at leisure: what is put
   * from now on belongs to the next one, which must not begin before this one has ended. To ask for
   * a slice is to say that the local store holds the one before.
   */
  readonly checkpoint: () => IterableIterator<CheckpointSlice, undefined>
  /**
   * A changelog record as it must stand in the local store. From then on reads go to the local
   * store every time, until the next put or flush: it changes when the entry is written there.
   *
   * Undefined where the order of records counts: what they come to is dirty then, and must be
   * written with a checkpoint before others are replayed that do not follow on them.
   */
  readonly restoredEntry: (
    key: Uint8Array,
    value: Uint8Array | null,
    timestampMs: number,
  ) => ByteEntry | undefined
  /** Drops everything held in memory. */
  readonly close: () => void
}

/** Where a store logs its changes. The bytes are copied during the call. */
export interface ChangelogWriter {
  readonly append: (key: Uint8Array, value: Uint8Array | null, timestampMs: number) => void
}

/** One past the last changelog record that is committed; what a checkpoint is stamped with. */
export type ChangelogPosition = Offset
