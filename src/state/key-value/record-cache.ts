import { assert } from '../../core/errors.ts'
import { noHeaders, type Headers, type Offset } from '../../core/record.ts'
import type { RecordMeta } from '../../core/record-meta.ts'
import { byteString, bytesOf, type ByteString } from '../byte-string.ts'
import { estimateChange } from '../cache/estimate-change.ts'
import { Overlay } from '../cache/overlay.ts'
import { OrderedByteMap } from '../memory/ordered-byte-map.ts'
import type { FlushListener, KeyValue, ValueAndTimestamp } from '../store.ts'
import type { Identity } from './key-space.ts'
import { heapBytes, type Rows } from './rows.ts'
import { owned } from './store-values.ts'

/** What an update that waits takes beside its key and value. Measured under Node 24. */
const PENDING_OVERHEAD_BYTES = 240
/** A step behind a cached store that puts into that store again, at every flush, never ends. */
const FLUSH_ROUNDS_MAX = 1_000

/** The last update of a key since the last flush, with the record that made it. */
interface Pending<K, V> {
  readonly key: K
  readonly text: ByteString
  identity: Identity
  /** Undefined is a delete. */
  value: V | undefined
  valueBytes: number
  timestampMs: number
  headers: Headers
  topic: string
  partition: number
  offset: Offset
}

/**
 * Kafka Streams' record cache (KIP-63): updates of a key are coalesced until a flush, which comes
 * before every commit, or until the cache is full. Then each one is serialised, logged and
 * announced to the listener, in the order of the last update of each key, as Kafka Streams does.
 * Where Kafka Streams flushes all that is dirty once it must evict a dirty row, this evicts only as
 * much as it must: what was not updated for the longest time.
 */
export class RecordCache<K, V> {
  readonly #rows: Rows<K, V>
  readonly #meta: RecordMeta
  readonly #maxBytes: number
  readonly #hasExpired: (key: K) => boolean
  /** In the order of the last update. */
  #pending = new Map<Identity, Pending<K, V>>()
  /**
   * Kept between evictions: to find the first entry of a Map is to step over all deleted ones. Not
   * for longer than until a flush: an iterator that stands still keeps every table that the Map has
   * ever outgrown, with all that was in it.
   */
  #oldest: Iterator<Pending<K, V>> | undefined
  #order: OrderedByteMap<Pending<K, V>> | undefined
  readonly #merged: Overlay<Uint8Array | Pending<K, V>>
  #listener: FlushListener<K, V> | undefined
  #heapBytes = 0
  #releases = 0

  /** `hasExpired` is asked once for each update that leaves the cache, before it is written. */
  constructor(
    rows: Rows<K, V>,
    meta: RecordMeta,
    maxBytes: number,
    hasExpired: (key: K) => boolean = () => false,
  ) {
    this.#hasExpired = hasExpired
    this.#rows = rows
    this.#meta = meta
    this.#maxBytes = maxBytes
    this.#merged = new Overlay<Uint8Array | Pending<K, V>>(
      { range: (from, to, direction) => this.#pendingRange(from, to, direction) },
      rows.buffer,
      () => this.#releases,
    )
  }

  set listener(listener: FlushListener<K, V>) {
    this.#listener = listener
  }

  /** Identities are void: from now on the text of a key is its identity. */
  readonly useTexts = (): void => {
    const pending = new Map<Identity, Pending<K, V>>()
    for (const each of this.#pending.values()) {
      each.identity = each.text
      pending.set(each.text, each)
    }
    this.#pending = pending
    this.#oldest = undefined
  }

  read(key: K): ValueAndTimestamp<V | undefined> {
    const quick = this.#rows.keys.quick(key)
    const pending = quick === undefined ? undefined : this.#pending.get(quick)
    if (pending !== undefined) {
      this.#rows.reads.cached += 1
      return pending
    }
    const row = this.#rows.row(key)
    return this.#pending.get(row.identity) ?? this.#rows.known(row)
  }

  write(key: K, value: V | null, timestampMs: number): void {
    // Serialised here too, though only the last value of a key is written: one that cannot be must
    // fail with the record that brought it, not with the commit.
    const valueBytes = value === null ? 0 : this.#rows.encodeValue(value).length
    const pending = this.#take(key)
    const meta = this.#meta
    this.#heapBytes += heapBytes(0, valueBytes) - heapBytes(0, pending.valueBytes)
    pending.valueBytes = valueBytes
    pending.value = value === null ? undefined : owned(value)
    pending.timestampMs = timestampMs
    pending.headers = ownedHeaders(meta.headers)
    pending.topic = meta.topic
    pending.partition = meta.partition
    pending.offset = meta.offset
    this.#pending.set(pending.identity, pending)
    this.#evict()
  }

  readonly range = (
    from: Uint8Array | null,
    to: Uint8Array | null,
    direction: 'forward' | 'backward',
  ): IterableIterator<KeyValue<K, V>> =>
    this.#pending.size === 0
      ? this.#rows.range(from, to, direction)
      : this.#mergedRange(from, to, direction)

  readonly approximateCount = (): number =>
    this.#rows.approximateCount() +
    estimateChange(this.#pending.values(), this.#pending.size, ({ key, value }) => {
      const known = this.#rows.read(key).value !== undefined
      return Number(value !== undefined) - Number(known)
    })

  /** Of the heap, an estimate. */
  pendingBytes(): number {
    return this.#heapBytes
  }

  /** Leaves nothing pending, not even what was put by the steps that were told. */
  flush(): void {
    for (let round = 0; this.#pending.size > 0; round++) {
      assert(round < FLUSH_ROUNDS_MAX, 'a flush of a store does not fill its cache again for ever')
      for (const pending of [...this.#pending.values()]) {
        if (this.#pending.get(pending.identity) === pending) this.#release(pending)
      }
    }
    this.#oldest = undefined
  }

  clear(): void {
    this.#pending.clear()
    this.#oldest = undefined
    this.#order = undefined
    this.#heapBytes = 0
  }

  /** Whatever is pending for the key, taken out to be put last, or a new one. */
  #take(key: K): Pending<K, V> {
    const quick = this.#rows.keys.quick(key)
    let pending = quick === undefined ? undefined : this.#pending.get(quick)
    if (pending === undefined) {
      const row = this.#rows.row(key)
      pending = this.#pending.get(row.identity) ?? this.#add(owned(key), row.identity, row.key)
    }
    this.#pending.delete(pending.identity)
    return pending
  }

  #add(key: K, identity: Identity, text: ByteString): Pending<K, V> {
    const pending: Pending<K, V> = {
      key,
      text,
      identity,
      value: undefined,
      valueBytes: 0,
      timestampMs: -1,
      headers: noHeaders,
      topic: '',
      partition: -1,
      offset: -1,
    }
    this.#heapBytes += PENDING_OVERHEAD_BYTES + heapBytes(text.length, 0)
    this.#order?.set(text, pending)
    return pending
  }

  #evict(): void {
    while (this.#pending.size > 0 && this.pendingBytes() > this.#maxBytes) {
      this.#oldest ??= this.#pending.values()
      const next = this.#oldest.next()
      if (next.done === true) this.#oldest = undefined
      else this.#release(next.value)
    }
  }

  /** Where it throws before the listener is called, the update stays pending. */
  #release(pending: Pending<K, V>): void {
    const { key, value = null, timestampMs, headers } = pending
    const row = this.#rows.row(key)
    const old = this.#rows.known(row).value
    const changes = value !== null || old !== undefined
    if (changes) this.#rows.writeRow(row, key, value, timestampMs)
    this.#pending.delete(pending.identity)
    this.#order?.delete(pending.text)
    const { text, valueBytes } = pending
    this.#heapBytes -= PENDING_OVERHEAD_BYTES + heapBytes(text.length, valueBytes)
    this.#releases++
    // As in Kafka Streams: a delete of what was never there, or cannot be seen, is no news.
    const oldValue = this.#hasExpired(key) ? null : (old ?? null)
    if ((value !== null || oldValue !== null) && this.#listener !== undefined) {
      this.#meta.under(pending, () => this.#listener?.(key, value, oldValue, timestampMs, headers))
    }
  }

  *#mergedRange(
    from: Uint8Array | null,
    to: Uint8Array | null,
    direction: 'forward' | 'backward',
  ): Generator<KeyValue<K, V>, undefined> {
    for (const [key, row] of this.#merged.range(from, to, direction)) {
      const value = row instanceof Uint8Array ? this.#rows.decodeValue(row) : row.value
      yield [this.#rows.keys.decode(key), value as V]
    }
  }

  *#pendingRange(
    from: Uint8Array | null,
    to: Uint8Array | null,
    direction: 'forward' | 'backward',
  ): Generator<readonly [key: Uint8Array, pending: Pending<K, V> | null], undefined> {
    if (this.#order === undefined) {
      this.#order = new OrderedByteMap()
      for (const pending of this.#pending.values()) this.#order.set(pending.text, pending)
    }
    const first = from === null ? null : byteString(from)
    const end = to === null ? null : byteString(to)
    for (const [key, pending] of this.#order.entries(first, end, direction)) {
      yield [bytesOf(key), pending.value === undefined ? null : pending]
    }
  }
}

const ownedHeaders = (headers: Headers): Headers =>
  headers.length === 0 ? headers : headers.map(([name, value]) => [name, owned(value)])
