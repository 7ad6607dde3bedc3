import type { Offset } from '../core/record.ts'

/** A key and its bytes; a null value deletes. */
export type ByteEntry = readonly [key: Uint8Array, value: Uint8Array | null]

/** An ordered map of bytes, as one store keeps it locally. Order: unsigned bytes, then length. */
export interface ByteStore {
  /** The bytes are valid until the next call on this task's backend: copy what you keep. */
  readonly get: (key: Uint8Array) => Uint8Array | undefined
  /** `from` inclusive, `to` exclusive; null is unbounded. Tolerates a checkpoint in the middle. */
  readonly range: (
    from: Uint8Array | null,
    to: Uint8Array | null,
    direction: 'forward' | 'backward',
  ) => IterableIterator<readonly [key: Uint8Array, value: Uint8Array]>
  readonly approximateCount: () => number
}

export interface StoreBatch {
  readonly store: string
  /** Sorted by key, each key once. */
  readonly entries: readonly ByteEntry[]
  /** The changelog position this brings the store to: everything before it is in the store. */
  readonly position: Offset
  /** What the rows were made of; left out: what it was before. */
  readonly origin?: string
}

/**
 * The local storage of one task. It holds only what Kafka has committed: the runtime calls
 * `checkpoint` right after a commit, or with restored records.
 */
export interface StateBackend {
  readonly store: (name: string) => ByteStore
  /** Undefined where nothing was ever checkpointed. */
  readonly position: (store: string) => Offset | undefined
  /**
   * What the rows were made of, in the words of whoever checkpointed them: a position says nothing
   * about another log. Undefined where nobody has said.
   */
  readonly origin: (store: string) => string | undefined
  /** All batches in one local transaction: after a crash all of it is there, or nothing. */
  readonly checkpoint: (batches: readonly StoreBatch[]) => void
  /** Forgets a store's entries, its position and its origin. */
  readonly wipe: (store: string) => void
  /** What its files take on the disk; 0 where it has none. */
  readonly diskBytes: () => number
  readonly close: () => Promise<void>
}
