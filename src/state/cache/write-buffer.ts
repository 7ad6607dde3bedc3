import { assert } from '../../core/errors.ts'
import type { ByteEntry, ByteStore } from '../backend.ts'
import { byteString, bytesOf, type ByteString, writeBytes } from '../byte-string.ts'
import { OrderedByteMap } from '../memory/ordered-byte-map.ts'
import type { CheckpointSlice } from '../store.ts'
import { estimateChange } from './estimate-change.ts'
import { Overlay, type OrderedBytes } from './overlay.ts'

/**
 * What an entry takes beside its bytes: strings, object, place in a Map. Measured under Node 24.
 */
const ENTRY_OVERHEAD_BYTES = 140
/** A slice of a checkpoint takes some five milliseconds: so long the event loop waits for it. */
const SLICE_ROWS_MAX = 2_048
const SLICE_BYTES_MAX = 1024 * 1024

/** A dirty key. Only its write buffer changes it. */
export interface DirtyEntry {
  readonly key: ByteString
  /** Null is a delete. */
  value: ByteString | null
  /** Of the value; beside it, because to ask the string is to fetch it into the CPU's cache. */
  valueBytes: number
  /** The checkpoint that will write it, or {@link WRITTEN}. */
  checkpoint: number
}

const WRITTEN = -1

/**
 * What changed since the last checkpoint, over a backend that must not see it before Kafka has it.
 * Reads and ranges see both. Every kind of store stands on one.
 *
 * A checkpoint takes what is dirty as it is, at once, and writes it slice by slice while the store
 * is in use: meanwhile there are three layers, what was put since, what is being written, and the
 * backend.
 */
export class WriteBuffer implements ByteStore {
  readonly #backend: ByteStore
  readonly #sliceRowsMax: number
  readonly #isOrdered: boolean
  /** Over all layers, and over those below what was put since the last checkpoint began. */
  readonly #merged: Overlay<Uint8Array>
  readonly #settled: Overlay<Uint8Array>
  #dirty: OrderedByteMap<DirtyEntry>
  /**
   * Of the checkpoint under way; empty when there is none. What is written already is passed over.
   */
  #frozen = new OrderedByteMap<DirtyEntry>()
  /** The next checkpoint: dirty entries belong to it, frozen ones to the one before. */
  #checkpoint = 0
  #dirtyBytes = 0
  /** One more whenever entries move from one layer to the next. */
  #moves = 0

  /** `isOrdered`: for a store that reads ranges all the time, so that no read sorts it all. */
  constructor(backend: ByteStore, { sliceRowsMax = SLICE_ROWS_MAX, isOrdered = false } = {}) {
    this.#backend = backend
    this.#sliceRowsMax = sliceRowsMax
    this.#isOrdered = isOrdered
    this.#dirty = new OrderedByteMap(isOrdered)
    const version = (): number => this.#moves
    const frozen: OrderedBytes<Uint8Array | null> = {
      range: (from, to, direction) => rangeOf(this.#frozen, from, to, direction),
    }
    const dirty: OrderedBytes<Uint8Array | null> = {
      range: (from, to, direction) => rangeOf(this.#dirty, from, to, direction),
    }
    this.#settled = new Overlay(frozen, backend, version)
    this.#merged = new Overlay(dirty, { range: this.#settledRange }, version)
  }

  readonly get = (key: Uint8Array): Uint8Array | undefined => {
    const layers = this.#dirty.size + this.#frozen.size
    const entry = layers === 0 ? undefined : this.#find(byteString(key))
    if (entry === undefined) return this.#backend.get(key)
    return entry.value === null ? undefined : bytesOf(entry.value)
  }

  #find(key: ByteString): DirtyEntry | undefined {
    const dirty = this.#dirty.get(key)
    if (dirty !== undefined || this.#frozen.size === 0) return dirty
    const frozen = this.#frozen.get(key)
    return frozen === undefined || frozen.checkpoint === WRITTEN ? undefined : frozen
  }

  /** The value; null: deleted since the backend had it, maybe; undefined: in no layer. */
  lookUp(key: ByteString): ByteString | null | undefined {
    const entry = this.#find(key)
    if (entry !== undefined) return entry.value
    const stored = this.#backend.get(bytesOf(key))
    return stored === undefined ? undefined : byteString(stored)
  }

  /** Takes back a put of a key that was in no layer, since no checkpoint has begun. */
  drop(key: ByteString): void {
    const entry = this.#dirty.get(key)
    if (entry === undefined) return
    this.#dirty.delete(key)
    this.#dirtyBytes -= sizeOf(entry)
  }

  /** Null deletes. What it returns makes the next put of the same key cheaper. */
  put(key: ByteString, value: ByteString | null): DirtyEntry {
    const known = this.#dirty.get(key)
    if (known !== undefined) return this.putAgain(known, value)
    const entry = this.#newEntry(key, value)
    this.#dirty.set(key, entry)
    return entry
  }

  /** A put of a key that was not put since the last checkpoint began. */
  putNew(key: ByteString, value: ByteString | null): DirtyEntry {
    const entry = this.#newEntry(key, value)
    this.#dirty.append(key, entry)
    return entry
  }

  /** A put of a key that nobody else puts; `last` is what its last put has returned. */
  putOwn(key: ByteString, value: ByteString | null, last: DirtyEntry | undefined): DirtyEntry {
    return last?.checkpoint === this.#checkpoint
      ? this.putAgain(last, value)
      : this.putNew(key, value)
  }

  #newEntry(key: ByteString, value: ByteString | null): DirtyEntry {
    const valueBytes = value === null ? 0 : value.length
    const entry = { key, value, valueBytes, checkpoint: this.#checkpoint }
    this.#dirtyBytes += sizeOf(entry)
    return entry
  }

  /**
   * A put without a look-up while no checkpoint has begun since the put that returned the entry.
   */
  putAgain(entry: DirtyEntry, value: ByteString | null): DirtyEntry {
    if (entry.checkpoint !== this.#checkpoint) return this.put(entry.key, value)
    const valueBytes = value === null ? 0 : value.length
    this.#dirtyBytes += valueBytes - entry.valueBytes
    entry.value = value
    entry.valueBytes = valueBytes
    return entry
  }

  readonly range: ByteStore['range'] = (from, to, direction) =>
    this.#dirty.size === 0
      ? this.#settledRange(from, to, direction)
      : this.#merged.range(from, to, direction)

  readonly #settledRange: ByteStore['range'] = (from, to, direction) =>
    this.#frozen.size === 0
      ? this.#backend.range(from, to, direction)
      : this.#settled.range(from, to, direction)

  readonly approximateCount = (): number => {
    const isBelow = (key: ByteString): boolean => this.#backend.get(bytesOf(key)) !== undefined
    const [dirty, frozen] = [this.#dirty, this.#frozen]
    return (
      this.#backend.approximateCount() +
      estimateChange(frozen.values(), frozen.size, ({ key, value, checkpoint }) =>
        checkpoint === WRITTEN ? 0 : Number(value !== null) - Number(isBelow(key)),
      ) +
      estimateChange(dirty.values(), dirty.size, ({ key, value }) => {
        const under = frozen.get(key)
        const isKnown =
          under === undefined || under.checkpoint === WRITTEN ? isBelow(key) : under.value !== null
        return Number(value !== null) - Number(isKnown)
      })
    )
  }

  /** Of the heap, overhead included: what the backend does not hold yet. */
  dirtyBytes(): number {
    return this.#dirtyBytes
  }

  /** See {@link StoreHandle.checkpoint}. */
  checkpoint(): IterableIterator<CheckpointSlice, undefined> {
    assert(this.#frozen.size === 0, 'a checkpoint ends before the next one begins')
    this.#frozen = this.#dirty
    this.#dirty = new OrderedByteMap(this.#isOrdered)
    this.#checkpoint++
    this.#moves++
    return this.#slices(this.#frozen)
  }

  *#slices(frozen: OrderedByteMap<DirtyEntry>): Generator<CheckpointSlice, undefined> {
    const sorted = frozen.sorted()
    let at = 0
    do {
      const end = this.#sliceEnd(sorted, at)
      const slice = sorted.slice(at, end)
      yield { entries: encoded(slice), isLast: end === sorted.length }
      // Dropped meanwhile: what the backend got of it, Kafka had committed.
      if (this.#frozen !== frozen) return
      for (const entry of slice) {
        this.#dirtyBytes -= sizeOf(entry)
        entry.checkpoint = WRITTEN
        // Whoever kept the entry for `putAgain` must not keep the bytes.
        entry.value = null
      }
      this.#moves++
      at = end
    } while (at < sorted.length)
    this.#frozen = new OrderedByteMap()
  }

  #sliceEnd(sorted: readonly DirtyEntry[], start: number): number {
    let bytes = 0
    let at = start
    while (at < sorted.length && at - start < this.#sliceRowsMax && bytes < SLICE_BYTES_MAX) {
      const { key, valueBytes } = sorted[at]!
      bytes += key.length + valueBytes
      at++
    }
    return at
  }

  /** Drops what is dirty. */
  clear(): void {
    this.#dirty = new OrderedByteMap(this.#isOrdered)
    this.#frozen = new OrderedByteMap()
    this.#checkpoint++
    this.#moves++
    this.#dirtyBytes = 0
  }
}

const sizeOf = ({ key, valueBytes }: DirtyEntry): number =>
  ENTRY_OVERHEAD_BYTES + key.length + valueBytes

function encoded(entries: readonly DirtyEntry[]): readonly ByteEntry[] {
  let bytes = 0
  for (const { key, valueBytes } of entries) bytes += key.length + valueBytes
  // One allocation for all bytes; LMDB asks for the address of each one it is given.
  const arena = Buffer.allocUnsafeSlow(bytes)
  let end = 0
  const write = (text: ByteString): Uint8Array => {
    const start = end
    end = writeBytes(text, arena, start)
    return arena.subarray(start, end)
  }
  return entries.map(({ key, value }) => [write(key), value === null ? null : write(value)])
}

function* rangeOf(
  entries: OrderedByteMap<DirtyEntry>,
  from: Uint8Array | null,
  to: Uint8Array | null,
  direction: 'forward' | 'backward',
): Generator<readonly [key: Uint8Array, value: Uint8Array | null]> {
  const first = from === null ? null : byteString(from)
  const end = to === null ? null : byteString(to)
  for (const [key, { value, checkpoint }] of entries.entries(first, end, direction)) {
    if (checkpoint !== WRITTEN) yield [bytesOf(key), value === null ? null : bytesOf(value)]
  }
}
