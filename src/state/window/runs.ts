import { ObjectCache } from '../key-value/object-cache.ts'
import { heapBytes } from '../key-value/rows.ts'

/** A key with more rows in one group is read from the store each time, only what is asked for. */
const RUN_ROWS_MAX = 64
/** What a row takes beside its value. */
const ROW_OVERHEAD_BYTES = 120

/** A row of a run: a list by start, rows of one start in the order in which they came. */
interface RunRow<V> {
  startMs: number
  value: V
  next: RunRow<V> | undefined
}

/**
 * All rows that a key has in one group of a store, as objects. One that is too long forgets them:
 * then it only says so.
 */
export class Run<V> {
  #first: RunRow<V> | undefined
  #last: RunRow<V> | undefined
  #rows = 0
  bytes: number

  constructor(keyBytes: number) {
    this.bytes = ROW_OVERHEAD_BYTES + heapBytes(keyBytes, 0)
  }

  get isTooLong(): boolean {
    return this.#rows > RUN_ROWS_MAX
  }

  add(startMs: number, value: V, valueBytes: number): void {
    if (this.isTooLong) return
    this.#rows++
    if (this.isTooLong) {
      this.#first = undefined
      this.#last = undefined
      return
    }
    this.bytes += ROW_OVERHEAD_BYTES + heapBytes(0, valueBytes)
    const row: RunRow<V> = { startMs, value, next: undefined }
    const last = this.#last
    if (last === undefined || startMs >= last.startMs) {
      if (last === undefined) this.#first = row
      else last.next = row
      this.#last = row
      return
    }
    let before: RunRow<V> | undefined
    let after = this.#first
    while (after !== undefined && after.startMs <= startMs) {
      before = after
      after = after.next
    }
    row.next = after
    if (before === undefined) this.#first = row
    else before.next = row
  }

  /** Both ends inclusive; false where there is none. */
  each(fromMs: number, toMs: number, show: (value: V, startMs: number) => void): boolean {
    let found = false
    for (let row = this.#first; row !== undefined && row.startMs <= toMs; row = row.next) {
      if (row.startMs < fromMs) continue
      found = true
      show(row.value, row.startMs)
    }
    return found
  }
}

/** Runs in use, bounded in bytes. */
export class Runs<V> {
  readonly #cache: ObjectCache<Run<V>>

  constructor(maxBytes: number) {
    this.#cache = new ObjectCache(maxBytes, ({ bytes }) => bytes)
  }

  /** `id`: of the key and the group. */
  get(id: string): Run<V> | undefined {
    return this.#cache.get(id)
  }

  /** Of a key and a group that have none in here. */
  keep(id: string, run: Run<V>): void {
    this.#cache.add(id, run)
  }

  /** To a run that is in here. */
  add(run: Run<V>, startMs: number, value: V, valueBytes: number): void {
    const before = run.bytes
    run.add(startMs, value, valueBytes)
    this.#cache.grew(run.bytes - before)
  }

  clear(): void {
    this.#cache.clear()
  }
}
