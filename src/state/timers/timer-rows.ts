import type { RecordMeta } from '../../core/record-meta.ts'
import { readTime, writeTime } from '../../serde/windowed-key.ts'
import type { ByteStore } from '../backend.ts'
import { prefixEnd } from '../byte-order.ts'
import { byteString, bytesOf, type ByteString } from '../byte-string.ts'
import { WriteBuffer } from '../cache/write-buffer.ts'
import type { ChangelogWriter } from '../store.ts'
import { CancelledNames } from './cancelled-names.ts'
import { NearTimers } from './near-timers.ts'
import { RowCounts } from './row-counts.ts'
import {
  ALL_KEYS,
  byKeyOf,
  byTimeOf,
  escapedKey,
  escapedKeyOf,
  clockStart,
  isByKey,
  noClock,
  partsOf,
  rowsOfEscaped,
  SEQUENCE_KEY,
  timesFrom,
  type TimerParts,
  type TimerTexts,
} from './timer-layout.ts'

/** What is not in the changelog yet is bounded: at these bounds the oldest of it goes there. */
const UNLOGGED_ROWS_MAX = 10_000
const UNLOGGED_BYTES_MAX = 2 * 1024 * 1024
const LOGGED_AT_ONCE = 256

/** A change since the last commit. */
interface Unlogged {
  /** Null: deleted. */
  value: ByteString | null
  timestampMs: number
  /** The row was in no layer of the store before this commit. */
  readonly isFresh: boolean
}

export interface TimerRow extends TimerParts {
  readonly texts: TimerTexts
  readonly value: ByteString
}

/**
 * The rows of a timer store, by key and by time, as bytes. What is set and taken out again between
 * two commits leaves nothing behind, neither in the changelog nor in the local store.
 */
export class TimerRows {
  readonly buffer: WriteBuffer
  readonly #changelog: ChangelogWriter | undefined
  readonly #meta: RecordMeta
  readonly #counts = new RowCounts({
    count: (key) => {
      let count = 0
      const prefix = rowsOfEscaped(key)
      for (const _ of this.buffer.range(prefix, prefixEnd(prefix), 'forward')) count += 1
      return count
    },
    keys: () => this.#escapedKeys(),
  })
  readonly #cancelled = new CancelledNames()
  readonly #near: readonly [NearTimers, NearTimers]
  readonly #unlogged = new Map<ByteString, Unlogged>()
  #unloggedBytes = 0
  /** The last number given; undefined: to be read. */
  #sequence: number | undefined
  #sequenceChanged = false

  constructor(bytes: ByteStore, changelog: ChangelogWriter | undefined, meta: RecordMeta) {
    this.buffer = new WriteBuffer(bytes, { isOrdered: true })
    this.#changelog = changelog
    this.#meta = meta
    this.#near = [new NearTimers(this.buffer, 1), new NearTimers(this.buffer, 2)]
  }

  nextMs(clock: 1 | 2): number {
    return this.#near[clock - 1]!.nextMs
  }

  /** The row by time of the first timer, which the caller is going to delete. */
  shift(clock: 1 | 2): ByteString | undefined {
    return this.#near[clock - 1]!.shift()
  }

  /** What a timer was put with. */
  valueOf(byKey: ByteString): ByteString | undefined {
    const stored = this.#stored(byKey)
    return stored ?? undefined
  }

  put(texts: TimerTexts, value: ByteString): void {
    const { byKey } = texts
    const known = this.#unlogged.get(byKey)
    const stored = known === undefined ? this.#stored(byKey) : known.value
    if (stored === value) return
    this.buffer.put(byKey, value)
    if (stored === undefined || stored === null) this.#added(texts)
    this.#log(byKey, value, known?.isFresh ?? stored === undefined)
  }

  /** A row by key that is not in the store for certain. */
  putNew(texts: TimerTexts, value: ByteString): void {
    this.buffer.put(texts.byKey, value)
    this.#added(texts)
    this.#log(texts.byKey, value, true)
  }

  #added({ byKey, byTime }: TimerTexts): void {
    this.#counts.add(() => escapedKeyOf(byKey), 1)
    if (byTime === '') return
    this.#cancelled.added({ byKey, byTime })
    this.buffer.put(byTime, PRESENT)
    this.#near[byTime.charCodeAt(0) - 1]!.add(byTime)
  }

  /** Deletes every timer whose row by key begins with this: key and name. */
  cancel(name: Buffer): void {
    const read = (): TimerTexts[] =>
      [...this.prefixed(name)].flatMap(({ clock, texts }) => (clock === noClock ? [] : [texts]))
    const timers = this.#cancelled.of(byteString(name), read)
    // Each one that is deleted leaves the list.
    for (const texts of [...timers]) this.delete(texts)
  }

  /** How many rows by key this key has. */
  countOf(key: Uint8Array): number {
    return this.#counts.of(escapedKey(key))
  }

  *#escapedKeys(): Generator<ByteString, undefined> {
    for (const [row] of this.buffer.range(ALL_KEYS, prefixEnd(ALL_KEYS), 'forward')) {
      yield escapedKeyOf(byteString(row))
    }
  }

  /** It must be in the store. */
  delete({ byKey, byTime }: TimerTexts): void {
    this.#counts.add(() => escapedKeyOf(byKey), -1)
    const isFresh = this.#unlogged.get(byKey)?.isFresh === true
    if (byTime !== '') {
      this.#cancelled.deleted({ byKey, byTime })
      this.#near[byTime.charCodeAt(0) - 1]!.remove(byTime)
      this.#forget(byTime, isFresh)
    }
    this.#forget(byKey, isFresh)
    if (isFresh) {
      this.#unloggedBytes -= sizeOf(byKey, this.#unlogged.get(byKey)?.value ?? null)
      this.#unlogged.delete(byKey)
    } else this.#log(byKey, null, false)
  }

  /** Rows whose bytes lie between these, in their order; both must be keys of rows by key. */
  *byKey(
    from: Uint8Array,
    to: Uint8Array | null,
    direction: 'forward' | 'backward',
  ): Generator<TimerRow, undefined> {
    for (const [row, stored] of this.buffer.range(from, to, direction)) {
      const byKey = byteString(row)
      const texts = { byKey, byTime: byTimeOf(byKey) }
      yield { ...partsOf(byKey), texts, value: byteString(stored) }
    }
  }

  /** Timers of a clock at that time or later, in their order. */
  *byTime(clock: 1 | 2, fromMs: number): Generator<TimerRow, undefined> {
    const end = prefixEnd(bytesOf(clockStart(clock)))
    for (const [row] of this.buffer.range(timesFrom(clock, fromMs), end, 'forward')) {
      const byTime = byteString(row)
      const byKey = byKeyOf(byTime)
      yield { ...partsOf(byKey), texts: { byKey, byTime }, value: this.valueOf(byKey) ?? '' }
    }
  }

  *prefixed(prefix: Uint8Array): Generator<TimerRow, undefined> {
    yield* this.byKey(prefix, prefixEnd(prefix), 'forward')
  }

  /** Greater than every number it gave before, also before a restart. */
  nextNumber(): number {
    if (this.#sequence === undefined) {
      const stored = this.buffer.get(SEQUENCE_KEY)
      this.#sequence = stored === undefined ? 0 : readTime(stored, 0)
    }
    this.#sequence += 1
    this.#sequenceChanged = true
    return this.#sequence
  }

  /** All that changed goes to the changelog: it belongs to the commit that comes. */
  flush(): void {
    this.#logOldest(Infinity)
    if (!this.#sequenceChanged) return
    this.#sequenceChanged = false
    const value = Buffer.allocUnsafe(8)
    writeTime(value, this.#sequence ?? 0, 0)
    this.buffer.put(byteString(SEQUENCE_KEY), byteString(value))
    this.#changelog?.append(SEQUENCE_KEY, value, Math.max(0, this.#meta.timestampMs))
  }

  /** A row of the changelog, with the row by time that belongs to it. */
  restore(key: Uint8Array, value: Uint8Array | null): void {
    const byKey = byteString(key)
    this.buffer.put(byKey, value && byteString(value))
    const byTime = isByKey(key) ? byTimeOf(byKey) : ''
    if (byTime !== '') this.buffer.put(byTime, value && PRESENT)
    this.#forgetNear()
  }

  #forgetNear(): void {
    for (const near of this.#near) near.forget()
    this.#counts.forget()
    this.#cancelled.forget()
    this.#sequence = undefined
  }

  clear(): void {
    this.buffer.clear()
    this.#unlogged.clear()
    this.#unloggedBytes = 0
    this.#sequenceChanged = false
    this.#forgetNear()
  }

  /** Null: deleted since the last checkpoint; undefined: nowhere. */
  #stored(key: ByteString): ByteString | null | undefined {
    return this.buffer.lookUp(key)
  }

  #forget(key: ByteString, isFresh: boolean): void {
    if (isFresh) this.buffer.drop(key)
    else this.buffer.put(key, null)
  }

  #log(key: ByteString, value: ByteString | null, isFresh: boolean): void {
    const timestampMs = Math.max(0, this.#meta.timestampMs)
    const known = this.#unlogged.get(key)
    if (known === undefined) this.#unlogged.set(key, { value, timestampMs, isFresh })
    else {
      this.#unloggedBytes -= sizeOf(key, known.value)
      known.value = value
      known.timestampMs = timestampMs
    }
    this.#unloggedBytes += sizeOf(key, value)
    const isFull =
      this.#unlogged.size >= UNLOGGED_ROWS_MAX || this.#unloggedBytes >= UNLOGGED_BYTES_MAX
    if (isFull) this.#logOldest(LOGGED_AT_ONCE)
  }

  #logOldest(max: number): void {
    let left = max
    for (const [key, { value, timestampMs }] of this.#unlogged) {
      if (left-- === 0) return
      this.#changelog?.append(bytesOf(key), value === null ? null : bytesOf(value), timestampMs)
      this.#unlogged.delete(key)
      this.#unloggedBytes -= sizeOf(key, value)
    }
  }
}

/** The value of a row by time, which says all in its key. */
const PRESENT = '\0'

const sizeOf = (key: ByteString, value: ByteString | null): number =>
  key.length + (value === null ? 0 : value.length)

export const textsOfTaken = (byTime: ByteString): TimerTexts => ({
  byKey: byKeyOf(byTime),
  byTime,
})
