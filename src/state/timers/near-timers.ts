import { prefixEnd } from '../byte-order.ts'
import type { ByteStore } from '../backend.ts'
import { byteString, bytesOf, type ByteString } from '../byte-string.ts'
import { clockStart, timeOf, type ClockCode } from './timer-layout.ts'

/** How many are read at a time, and how many are held at most. */
const READ_ROWS = 256
const HELD_ROWS_MAX = 1_024

/**
 * The timers of one clock that are due next, held in memory in their order, so that neither a new
 * timer nor one that fires costs a read of the store. When they have all fired, the next ones are
 * read from where these ended: rows that were deleted are not stepped over again.
 */
export class NearTimers {
  readonly #rows: Pick<ByteStore, 'range'>
  readonly #start: ByteString
  readonly #storeEnd: Uint8Array | null
  /** Rows by time, in order: all there are before `#end`. */
  readonly #held: ByteString[] = []
  /** Undefined: all there are. */
  #end: ByteString | undefined
  /** Of the first; undefined: to be looked up. */
  #nextMs: number | undefined

  constructor(rows: Pick<ByteStore, 'range'>, clock: ClockCode) {
    this.#rows = rows
    this.#start = clockStart(clock)
    this.#storeEnd = prefixEnd(bytesOf(this.#start))
    this.#end = this.#start
  }

  /** When the first one is due; Infinity where there is none. */
  get nextMs(): number {
    return (this.#nextMs ??= this.#lookUpNext())
  }

  /** Takes out the first; its rows stay in the store. */
  shift(): ByteString | undefined {
    if (this.#held.length === 0) this.#read()
    this.#nextMs = undefined
    return this.#held.shift()
  }

  /** A timer was put into the store that was not there. */
  add(byTime: ByteString): void {
    if (this.#end !== undefined && byTime >= this.#end) return
    const at = this.#indexOf(byTime)
    if (this.#held[at] === byTime) return
    this.#held.splice(at, 0, byTime)
    if (at === 0) this.#nextMs = undefined
    if (this.#held.length > HELD_ROWS_MAX) {
      this.#end = this.#held[HELD_ROWS_MAX / 2]
      this.#held.length = HELD_ROWS_MAX / 2
    }
  }

  /** A timer was deleted from the store. */
  remove(byTime: ByteString): void {
    const at = this.#indexOf(byTime)
    if (this.#held[at] !== byTime) return
    this.#held.splice(at, 1)
    if (at === 0) this.#nextMs = undefined
  }

  /** The store has changed by other hands. */
  forget(): void {
    this.#held.length = 0
    this.#end = this.#start
    this.#nextMs = undefined
  }

  #lookUpNext(): number {
    if (this.#held.length === 0) this.#read()
    const first = this.#held[0]
    return first === undefined ? Infinity : timeOf(first)
  }

  #read(): void {
    if (this.#end === undefined) return
    const from = bytesOf(this.#end)
    this.#end = undefined
    for (const [row] of this.#rows.range(from, this.#storeEnd, 'forward')) {
      const byTime = byteString(row)
      if (this.#held.length === READ_ROWS) {
        this.#end = byTime
        return
      }
      this.#held.push(byTime)
    }
  }

  /** Where it is, or would be. */
  #indexOf(byTime: ByteString): number {
    let low = 0
    let high = this.#held.length
    // Most timers are set for a later time than those before.
    if (high > 0 && this.#held[high - 1]! < byTime) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#held[middle]! < byTime) low = middle + 1
      else high = middle
    }
    return low
  }
}
