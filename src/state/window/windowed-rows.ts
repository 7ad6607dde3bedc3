import type { RecordMeta } from '../../core/record-meta.ts'
import type { Windowed } from '../../serde/windowed-key.ts'
import { KeySpace } from '../key-value/key-space.ts'
import { RecordCache } from '../key-value/record-cache.ts'
import { type Row, Rows } from '../key-value/rows.ts'
import type { KeyValueStoreContext } from '../key-value/key-value-store.ts'
import type { ByteEntry } from '../backend.ts'
import type { SessionStoreSpec, WindowStoreSpec } from '../store-spec.ts'
import type { KeyValue, ValueAndTimestamp } from '../store.ts'
import { Expiry } from './expiry.ts'
import { LastRow } from './last-row.ts'
import { RowLayout, type Slot } from './row-layout.ts'
import { PROGRESS_KEY, SavedProgress } from './saved-progress.ts'

type Direction = 'forward' | 'backward'
export type WindowedSpec<K, V> = WindowStoreSpec<K, V> | SessionStoreSpec<K, V>

/** Kafka Streams deletes by segments of half the retention, but at least of a minute. */
const SEGMENT_MIN_MS = 60_000
/** A guess at what a row takes in a cache. */
const CACHED_ROW_BYTES = 200
/** Of so many groups each is looked into; beyond, the empty ones are stepped over. */
const GROUPS_PROBED_MAX = 8

/** The rows of a window or session store, with a retention, as `store`s of both kinds read them. */
export class WindowedRows<K, V> {
  readonly layout: RowLayout<K>
  readonly rows: Rows<Slot<K>, V>
  readonly cache: RecordCache<Slot<K>, V> | undefined
  readonly saved: SavedProgress
  readonly #keys: KeySpace<K>
  readonly #spec: WindowedSpec<K, V>
  readonly #segmentMs: number
  readonly #cacheMaxBytes: number
  readonly #expiry: Expiry
  readonly #last = new LastRow<K, Row<V>>()
  /** The largest time that a changelog has brought. */
  #replayedMs = -1
  /** The largest time that has left the cache. */
  #leftMs = -1
  /** Whether all rows fit a cache, as of when rows of an earlier time had expired. */
  #fits = { asOfMs: -1, answer: false }

  constructor(spec: WindowedSpec<K, V>, context: KeyValueStoreContext) {
    const layout: RowLayout<K> = new RowLayout(spec as unknown as WindowStoreSpec<K, never>)
    this.#spec = spec
    this.#segmentMs = Math.max(Math.floor(spec.retentionMs / 2), SEGMENT_MIN_MS)
    this.#cacheMaxBytes = context.cacheMaxBytes
    this.layout = layout
    this.#keys = new KeySpace(spec.name, spec.innerKey, () => {})
    const plain = { ...spec, kind: 'key-value' as const, key: layout.serde }
    const changelogKey = (slot: Slot<K>): Uint8Array => layout.changelogKeyOf(slot)
    this.rows = new Rows<Slot<K>, V>(plain, { ...context, changelogKey }, () =>
      this.cache?.useTexts(),
    )
    this.cache =
      spec.cached && context.cacheMaxBytes > 0
        ? new RecordCache(this.rows, context.meta, context.cacheMaxBytes, (key) =>
            this.#leavesExpired(key),
          )
        : undefined
    this.saved = new SavedProgress(this.rows.buffer, context.changelog, {
      isSession: spec.kind === 'session',
      latestMs: (knownMs) => this.#latestMs(knownMs),
    })
    this.#expiry = new Expiry(this.rows.buffer, layout)
  }

  get layer(): RecordCache<Slot<K>, V> | Rows<Slot<K>, V> {
    return this.cache ?? this.rows
  }

  /** The earliest time whose rows are seen. */
  get visibleFromMs(): number {
    if (this.cache !== undefined) return this.#expiry.deletedToMs
    return Math.max(0, this.saved.observedMs - this.#spec.retentionMs + 1)
  }

  /** The earliest time whose rows are there, though they may have expired. */
  get keptFromMs(): number {
    return this.cache === undefined
      ? this.#liveFrom(this.saved.observedMs)
      : this.#expiry.deletedToMs
  }

  /** What was replayed is known; beside that only a group after the known time is looked at. */
  #latestMs(knownMs: number): number {
    const { layout } = this
    const { buffer } = this.rows
    let latestMs = Math.max(knownMs, this.#replayedMs)
    const rows = buffer.range(null, PROGRESS_KEY, 'backward')
    const last = rows.next()
    rows.return?.()
    if (last.done === true || layout.groupAt(last.value[0]) <= latestMs) return latestMs
    const group = layout.groupStart(layout.groupAt(last.value[0]))
    for (const [local] of buffer.range(group, PROGRESS_KEY, 'forward')) {
      latestMs = Math.max(latestMs, layout.timeAt(local))
    }
    return latestMs
  }

  /** Rows of an earlier time may be deleted, once a time was put. */
  #liveFrom(timeMs: number): number {
    const before = timeMs - this.#spec.retentionMs
    return before <= 0 ? 0 : this.layout.groupOf(before - (before % this.#segmentMs))
  }

  isVisible(key: Windowed<K>): boolean {
    return this.layout.timeOf(key) >= this.visibleFromMs
  }

  write(key: Slot<K>, value: V | null, timestampMs: number): void {
    const timeMs = this.layout.timeOf(key)
    if (timeMs > this.saved.observedMs) this.saved.observedMs = timeMs
    // It would be kept for nobody to see, and beyond the reach of what expires.
    if (timeMs >= this.keptFromMs) {
      if (this.cache !== undefined) this.cache.write(key, value, timestampMs)
      else this.rows.writeRow(this.#row(key), key, value, timestampMs)
    }
    this.wrote()
  }

  read(key: Slot<K>): ValueAndTimestamp<V | undefined> {
    return this.cache === undefined ? this.rows.known(this.#row(key)) : this.cache.read(key)
  }

  /** What is put was mostly read a moment ago: then its key is not serialised again. */
  #row(slot: Slot<K>): Row<V> {
    const known = this.#last.find(slot)
    if (known !== undefined) return known
    const row = this.rows.row(slot)
    // Meanwhile the local store changes without this one.
    if (!this.rows.isRestoring) this.#last.keep(slot, row)
    return row
  }

  restoredEntry(key: Uint8Array, value: Uint8Array | null, timestampMs: number): ByteEntry {
    this.#last.forget()
    const local = this.layout.fromChangelog(key)
    this.#replayedMs = Math.max(this.#replayedMs, this.layout.timeAt(local))
    return this.rows.restoredEntry(local, value, timestampMs)
  }

  /** With the first row there ever was: nothing can have expired before it. */
  begin(timeMs: number): void {
    this.#expiry.passOver(this.#liveFrom(timeMs))
  }

  /** After a put: deletes some of what has expired meanwhile. */
  wrote(): void {
    if (!this.#expiry.isDue()) return
    const liveFromMs = this.#liveFrom(this.cache ? this.#leftMs : this.saved.observedMs)
    if (this.#mustDelete(liveFromMs)) this.#expiry.afterPuts(liveFromMs)
  }

  /** In Kafka Streams what lies below a cache knows only the times that have left it. */
  #leavesExpired(key: Slot<K>): boolean {
    const timeMs = this.layout.timeOf(key)
    if (timeMs > this.#leftMs) this.#leftMs = timeMs
    return timeMs <= this.#leftMs - this.#spec.retentionMs
  }

  encodeKey(key: K): Uint8Array {
    return this.#keys.encode(key)
  }

  /** What a key has in one group, as bytes, by start and the order of the puts; both inclusive. */
  *stored(
    keyBytes: Uint8Array,
    fromMs: number,
    toMs: number,
  ): Generator<readonly [startMs: number, stored: Uint8Array], undefined> {
    const { layout } = this
    const [start, end] = layout.between(keyBytes, fromMs, toMs)
    for (const [local, stored] of this.rows.buffer.range(start, end, 'forward')) {
      if (layout.isOf(local, keyBytes)) yield [layout.timeAt(local), stored]
    }
  }

  /** Both ends inclusive. */
  *ofKey(
    key: K,
    fromMs: number,
    toMs: number,
    direction: Direction,
  ): Generator<KeyValue<Windowed<K>, V>, undefined> {
    const from = Math.max(fromMs, this.visibleFromMs)
    const to = Math.min(toMs, this.saved.observedMs)
    if (from > to) return
    const bytes = this.encodeKey(key)
    for (const group of this.#groups(from, to, direction)) {
      const first = Math.max(group, from)
      const last = Math.min(this.layout.groupAfter(group) - 1, to)
      const [start, end] = this.layout.between(bytes, first, last)
      for (const row of this.layer.range(start, end, direction)) {
        // A longer key that begins with this one may lie in between.
        if (this.#isKey(row[0].key, key, bytes)) yield row
      }
    }
  }

  /** Both ends inclusive; ordered by time, then (of sessions, start and) key. */
  *byTime(
    fromMs: number,
    toMs: number,
    direction: Direction,
  ): Generator<KeyValue<Windowed<K>, V>, undefined> {
    const to = Math.min(toMs, this.saved.observedMs)
    if (fromMs > to) return
    const { layout } = this
    const end = layout.groupStart(layout.groupAfter(layout.groupOf(to)))
    let group = -1
    let together: KeyValue<Windowed<K>, V>[] = []
    for (const row of this.layer.range(layout.groupStart(fromMs), end, direction)) {
      const timeMs = layout.timeOf(row[0])
      if (timeMs < fromMs || timeMs > to) continue
      if (layout.groupOf(timeMs) !== group) {
        yield* this.#inOrder(together, direction)
        together = []
        group = layout.groupOf(timeMs)
      }
      together.push(row)
    }
    yield* this.#inOrder(together, direction)
  }

  /** What has expired is deleted here only: the changelog has a retention of its own. */
  #mustDelete(liveFromMs: number): boolean {
    if (!this.#expiry.isBehind(liveFromMs)) return false
    // In Kafka Streams a cache shows what it holds, expired or not, until it needs the room.
    if (!this.#fitsCache(liveFromMs)) return true
    this.#expiry.passOver(liveFromMs)
    return false
  }

  /** To count is dear: once for each stretch of time that expires. */
  #fitsCache(liveFromMs: number): boolean {
    if (this.cache === undefined) return false
    if (this.#fits.asOfMs !== liveFromMs) {
      const bytes = this.layer.approximateCount() * CACHED_ROW_BYTES
      this.#fits = { asOfMs: liveFromMs, answer: bytes <= this.#cacheMaxBytes }
    }
    return this.#fits.answer
  }

  flush(meta: RecordMeta): void {
    this.cache?.flush()
    this.rows.restored()
    const liveFromMs = this.#liveFrom(this.saved.observedMs)
    if (this.#mustDelete(liveFromMs)) this.#expiry.beforeCommit(liveFromMs)
    this.saved.save(meta)
  }

  clear(): void {
    this.cache?.clear()
    this.rows.clear()
    this.#last.forget()
    this.saved.forget()
    this.#replayedMs = -1
    this.#expiry.reset()
  }

  *#groups(fromMs: number, toMs: number, direction: Direction): Generator<number, undefined> {
    const { layout } = this
    const first = layout.groupOf(fromMs)
    const last = layout.groupOf(toMs)
    const step = layout.groupAfter(first) - first
    if ((last - first) / step < GROUPS_PROBED_MAX) {
      const [start, sign] = direction === 'forward' ? [first, 1] : [last, -1]
      for (let at = start; at >= first && at <= last; at += sign * step) yield at
      return
    }
    let from = first
    let end = layout.groupAfter(last)
    while (from < end) {
      const rows = this.layer.range(layout.groupStart(from), layout.groupStart(end), direction)
      const next = rows.next()
      rows.return?.()
      if (next.done === true) return
      const group = layout.groupOf(layout.timeOf(next.value[0]))
      yield group
      if (direction === 'forward') from = layout.groupAfter(group)
      else end = group
    }
  }

  #inOrder(
    together: KeyValue<Windowed<K>, V>[],
    direction: Direction,
  ): readonly KeyValue<Windowed<K>, V>[] {
    const sign = direction === 'forward' ? 1 : -1
    // Stable, and rows of a group come by key.
    return together.sort(
      ([{ window: a }], [{ window: b }]) =>
        sign *
        (this.#spec.kind === 'session'
          ? a.endMs - b.endMs || a.startMs - b.startMs
          : a.startMs - b.startMs),
    )
  }

  #isKey(found: K, wanted: K, bytes: Uint8Array): boolean {
    if (typeof found !== 'object') return found === wanted
    return Buffer.compare(this.layout.keyBytes(found), bytes) === 0
  }
}
