import type { ByteEntry, ByteStore } from '../backend.ts'
import { byteString, bytesOf, type ByteString } from '../byte-string.ts'
import { type DirtyEntry, WriteBuffer } from '../cache/write-buffer.ts'
import type { KeyValueStoreSpec } from '../store-spec.ts'
import type { ChangelogWriter, KeyValue, ReadCounts } from '../store.ts'
import { type Identity, KeySpace } from './key-space.ts'
import { ObjectCache } from './object-cache.ts'
import { decodeValue, encodeValue, owned } from './store-values.ts'
import { timestampedBytes, timestampedText, timestampOf, valueOf } from './timestamped-bytes.ts'

/** What a row takes beside its key and value. Measured under Node 24. */
const ROW_OVERHEAD_BYTES = 120

/** A guess: a key is kept as it is and as text, an object is larger than its bytes. */
export const heapBytes = (keyBytes: number, valueBytes: number): number =>
  2 * (keyBytes + valueBytes)

/** A row of a store, as an object. */
export class Row<V> {
  readonly identity: Identity
  readonly key: ByteString
  /** False: the store was not asked yet. */
  known = false
  value: V | undefined = undefined
  timestampMs = -1
  valueBytes = 0
  /** Where it was last put. */
  entry: DirtyEntry | undefined = undefined

  constructor(identity: Identity, key: ByteString) {
    this.identity = identity
    this.key = key
  }
}

export interface RowsOptions<K> {
  readonly bytes: ByteStore
  /** The key in the changelog, where it is another one than in the local store. */
  readonly changelogKey?: (key: K) => Uint8Array
  /** Undefined where the store is not logged. */
  readonly changelog: ChangelogWriter | undefined
  readonly readCacheMaxBytes: number
}

/**
 * Typed rows over a write buffer: what is put is serialised once, and the same bytes go to the
 * changelog and to the buffer. Rows in use are kept as objects.
 */
export class Rows<K, V> {
  readonly keys: KeySpace<K>
  readonly buffer: WriteBuffer
  readonly reads: ReadCounts = { cached: 0, decoded: 0 }
  readonly #spec: KeyValueStoreSpec<K, V>
  readonly #changelog: ChangelogWriter | undefined
  readonly #changelogKey: RowsOptions<K>['changelogKey']
  readonly #cache: ObjectCache<Row<V>>
  /**
   * From a restored entry until the next put or flush nothing is kept of what is read: the local
   * store changes without this store, and later than the entry was asked for.
   */
  #isRestoring = false

  /** `onTextsOnly`: see {@link KeySpace}. */
  constructor(spec: KeyValueStoreSpec<K, V>, options: RowsOptions<K>, onTextsOnly: () => void) {
    this.#spec = spec
    this.#changelog = options.changelog
    this.#changelogKey = options.changelogKey
    this.buffer = new WriteBuffer(options.bytes)
    this.#cache = new ObjectCache(
      options.readCacheMaxBytes,
      (row) => ROW_OVERHEAD_BYTES + heapBytes(row.key.length, row.valueBytes),
    )
    this.keys = new KeySpace(spec.name, spec.key, () => {
      this.#cache.clear()
      onTextsOnly()
    })
  }

  /** The row of a key, not necessarily known yet. */
  row(key: K): Row<V> {
    const quick = this.keys.quick(key)
    if (quick !== undefined) {
      const cached = this.#cache.get(quick)
      if (cached !== undefined) return cached
    }
    const bytes = this.keys.encode(key)
    const text = byteString(bytes)
    const identity = this.keys.identity(key, bytes, text)
    const cached = identity === quick ? undefined : this.#cache.get(identity)
    return cached ?? new Row(identity, text)
  }

  read(key: K): Row<V> {
    return this.known(this.row(key))
  }

  /** Reads the row where that was not done yet. */
  known(row: Row<V>): Row<V> {
    if (row.known) {
      this.reads.cached += 1
      return row
    }
    this.reads.decoded += 1
    const stored = this.buffer.get(bytesOf(row.key))
    if (stored !== undefined) {
      row.valueBytes = stored.length
      row.timestampMs = timestampOf(stored)
      row.value = this.decodeValue(stored)
    }
    row.known = true
    if (!this.#isRestoring) this.#cache.set(row.identity, row)
    return row
  }

  /** Null deletes. Where it throws, nothing has changed. */
  write(key: K, value: V | null, timestampMs: number): void {
    this.writeRow(this.row(key), key, value, timestampMs)
  }

  writeRow(row: Row<V>, key: K, value: V | null, timestampMs: number): void {
    const bytes = value === null ? null : this.encodeValue(value)
    this.#changelog?.append(this.#logged(row, key), bytes, timestampMs)
    const stored = bytes === null ? null : timestampedText(bytes, timestampMs)
    row.entry =
      row.entry === undefined
        ? this.buffer.put(row.key, stored)
        : this.buffer.putAgain(row.entry, stored)
    const before = row.valueBytes
    const wasKept = row.known && !this.#isRestoring
    this.#isRestoring = false
    row.known = true
    row.value = value === null ? undefined : owned(value)
    row.timestampMs = timestampMs
    row.valueBytes = bytes === null ? 0 : bytes.length
    if (!wasKept) this.#cache.set(row.identity, row)
    else if (row.valueBytes !== before) {
      this.#cache.grew(heapBytes(0, row.valueBytes) - heapBytes(0, before))
    }
  }

  #logged(row: Row<V>, key: K): Uint8Array {
    if (this.#changelogKey !== undefined) return this.#changelogKey(key)
    // A primitive is at hand, the text of its bytes most likely not in the CPU's cache.
    return this.keys.quick(key) === undefined ? bytesOf(row.key) : this.keys.encode(key)
  }

  /** `from` inclusive, `to` exclusive; null is unbounded. */
  *range(
    from: Uint8Array | null,
    to: Uint8Array | null,
    direction: 'forward' | 'backward',
  ): Generator<KeyValue<K, V>, undefined> {
    for (const [key, stored] of this.buffer.range(from, to, direction)) {
      yield [this.keys.decode(key), this.decodeValue(stored)]
    }
  }

  readonly approximateCount = (): number => this.buffer.approximateCount()

  restoredEntry(key: Uint8Array, value: Uint8Array | null, timestampMs: number): ByteEntry {
    if (!this.#isRestoring) this.#cache.clear()
    this.#isRestoring = true
    return [key, value === null ? null : timestampedBytes(value, timestampMs)]
  }

  get isRestoring(): boolean {
    return this.#isRestoring
  }

  /** The task is at work: the local store changes through this store alone. */
  restored(): void {
    this.#isRestoring = false
  }

  encodeValue(value: V): Uint8Array {
    return encodeValue(this.#spec, value)
  }

  decodeValue(stored: Uint8Array): V {
    return decodeValue(this.#spec, valueOf(stored))
  }

  clear(): void {
    this.#cache.clear()
    this.buffer.clear()
  }
}
