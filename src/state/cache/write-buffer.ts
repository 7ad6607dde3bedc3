import type { ByteEntry, ByteStore } from '../backend.ts'
import { byteString, bytesOf, type ByteString, writeBytes } from '../byte-string.ts'
import { OrderedByteMap } from '../memory/ordered-byte-map.ts'
import { estimateChange } from './estimate-change.ts'
import { Overlay } from './overlay.ts'

/**
 * What an entry takes beside its bytes: strings, object, place in a Map. Measured under Node 24.
 */
const ENTRY_OVERHEAD_BYTES = 140

/** A dirty key. Only its write buffer changes it. */
export interface DirtyEntry {
  readonly key: ByteString
  /** Null is a delete. */
  value: ByteString | null
  /** Of the value; beside it, because to ask the string is to fetch it into the CPU's cache. */
  valueBytes: number
  /** False once it was checkpointed. */
  dirty: boolean
}

/**
 * What changed since the last checkpoint, over a backend that must not see it before Kafka has it.
 * Reads and ranges see both. Every kind of store stands on one.
 */
export class WriteBuffer implements ByteStore {
  readonly #backend: ByteStore
  readonly #dirty = new OrderedByteMap<DirtyEntry>()
  readonly #merged: Overlay<Uint8Array>
  #dirtyBytes = 0
  /** One more with each checkpoint, which moves entries from here to the backend. */
  #checkpoints = 0
  #handedOut: { readonly entries: readonly DirtyEntry[]; readonly values: (ByteString | null)[] } =
    {
      entries: [],
      values: [],
    }

  constructor(backend: ByteStore) {
    this.#backend = backend
    this.#merged = new Overlay(
      { range: (from, to, direction) => this.#dirtyRange(from, to, direction) },
      backend,
      () => this.#checkpoints,
    )
  }

  readonly get = (key: Uint8Array): Uint8Array | undefined => {
    if (this.#dirty.size > 0) {
      const entry = this.#dirty.get(byteString(key))
      if (entry !== undefined) return entry.value === null ? undefined : bytesOf(entry.value)
    }
    return this.#backend.get(key)
  }

  /** Null deletes. What it returns makes the next put of the same key cheaper. */
  put(key: ByteString, value: ByteString | null): DirtyEntry {
    const known = this.#dirty.get(key)
    if (known !== undefined) return this.putAgain(known, value)
    const entry = { key, value, valueBytes: value === null ? 0 : value.length, dirty: true }
    this.#dirty.set(key, entry)
    this.#dirtyBytes += sizeOf(entry)
    return entry
  }

  /** A put without a look-up as long as the entry, which a put of its key returned, is dirty. */
  putAgain(entry: DirtyEntry, value: ByteString | null): DirtyEntry {
    if (!entry.dirty) return this.put(entry.key, value)
    const valueBytes = value === null ? 0 : value.length
    this.#dirtyBytes += valueBytes - entry.valueBytes
    entry.value = value
    entry.valueBytes = valueBytes
    return entry
  }

  readonly range: ByteStore['range'] = (from, to, direction) =>
    this.#dirty.size === 0
      ? this.#backend.range(from, to, direction)
      : this.#merged.range(from, to, direction)

  readonly approximateCount = (): number =>
    this.#backend.approximateCount() +
    estimateChange(this.#dirty.values(), this.#dirty.size, ({ key, value }) => {
      const known = this.#backend.get(bytesOf(key)) !== undefined
      return Number(value !== null) - Number(known)
    })

  /** Of the heap, overhead included. */
  dirtyBytes(): number {
    return this.#dirtyBytes
  }

  /** All that is dirty, sorted by key. It stays readable and dirty until `checkpointed`. */
  dirtyEntries(): readonly ByteEntry[] {
    const entries = this.#dirty.sorted()
    this.#handedOut = { entries, values: entries.map(({ value }) => value) }
    // One allocation for all bytes; LMDB asks for the address of each one it is given.
    const arena = Buffer.allocUnsafeSlow(this.#dirtyBytes - ENTRY_OVERHEAD_BYTES * entries.length)
    let end = 0
    const write = (text: ByteString): Uint8Array => {
      const start = end
      end = writeBytes(text, arena, start)
      return arena.subarray(start, end)
    }
    return entries.map(({ key, value }) => [write(key), value === null ? null : write(value)])
  }

  /** The backend now holds what `dirtyEntries` gave; what was put since then stays dirty. */
  checkpointed(): void {
    const { entries, values } = this.#handedOut
    const written = entries.filter((entry, index) => entry.dirty && entry.value === values[index])
    this.#handedOut = { entries: [], values: [] }
    this.#checkpoints++
    if (written.length === this.#dirty.size) {
      this.clear()
      return
    }
    for (const entry of written) {
      this.#dirtyBytes -= sizeOf(entry)
      this.#dirty.delete(entry.key)
      forget(entry)
    }
  }

  /** Drops what is dirty. */
  clear(): void {
    for (const entry of this.#dirty.values()) forget(entry)
    this.#dirty.clear()
    this.#dirtyBytes = 0
    this.#handedOut = { entries: [], values: [] }
  }

  *#dirtyRange(
    from: Uint8Array | null,
    to: Uint8Array | null,
    direction: 'forward' | 'backward',
  ): Generator<readonly [key: Uint8Array, value: Uint8Array | null]> {
    const first = from === null ? null : byteString(from)
    const end = to === null ? null : byteString(to)
    for (const [key, { value }] of this.#dirty.entries(first, end, direction)) {
      yield [bytesOf(key), value === null ? null : bytesOf(value)]
    }
  }
}

const sizeOf = ({ key, valueBytes }: DirtyEntry): number =>
  ENTRY_OVERHEAD_BYTES + key.length + valueBytes

/** Whoever kept the entry for `putAgain` must not keep the bytes. */
function forget(entry: DirtyEntry): void {
  entry.dirty = false
  entry.value = null
}
