import type { KeyValueStore } from '../../state/store.ts'

/** Rows read from the store at once. */
const PAGE_ROWS = 256
/** Rows kept in memory: those that come next. */
const PAGE_ROWS_MAX = 1_024
const PLACE_BYTES = 9

interface Entry<R> {
  readonly timeMs: number
  /** In the store: the queue, the time, and what tells equal times apart. */
  readonly place: Buffer
  readonly row: R
}

/**
 * Rows of a store in the order of their times, and the next of them in memory: to see that nothing
 * is due reads nothing, and rows that are due are read page by page.
 */
export class DueQueue<R> {
  readonly #store: KeyValueStore<Uint8Array, R>
  readonly #number: number
  readonly #stampMs: () => number
  /** In order; those before `#head` have gone. */
  #page: Entry<R>[] = []
  #head = 0
  /** Every row before it that is in the store is in the page too; undefined: all are. */
  #pageEnd: Buffer | undefined

  /** `number`, from 0 to 254, tells the queues of a store apart; `stampMs` dates a row. */
  constructor(store: KeyValueStore<Uint8Array, R>, number: number, stampMs: () => number) {
    this.#store = store
    this.#number = number
    this.#stampMs = stampMs
    this.#pageEnd = Buffer.of(number)
  }

  /** The earliest time; Infinity: there is none. */
  nextMs(): number {
    return this.#first()?.timeMs ?? Infinity
  }

  /** Equal times and ties are one row, the one added last. */
  add(timeMs: number, tie: Uint8Array, row: R): void {
    const place = this.#place(timeMs, tie)
    this.#store.put(place, row, this.#stampMs())
    if (this.#pageEnd !== undefined && Buffer.compare(place, this.#pageEnd) >= 0) return
    const at = this.#indexOf(place)
    const isKnown = this.#page[at]?.place.equals(place) === true
    this.#page.splice(at, isKnown ? 1 : 0, { timeMs, place, row })
    if (this.#page.length - this.#head > PAGE_ROWS_MAX) {
      this.#page = this.#page.slice(this.#head, this.#head + PAGE_ROWS_MAX / 2)
      this.#head = 0
      this.#pageEnd = after((this.#page.at(-1) as Entry<R>).place)
    }
  }

  remove(timeMs: number, tie: Uint8Array): void {
    const place = this.#place(timeMs, tie)
    this.#store.put(place, null, this.#stampMs())
    const at = this.#indexOf(place)
    if (this.#page[at]?.place.equals(place) === true) this.#page.splice(at, 1)
  }

  /** Takes out the earliest row, if it is not later than that. */
  shift(untilMs: number): Entry<R> | undefined {
    const first = this.#first()
    if (first === undefined || first.timeMs > untilMs) return undefined
    this.#store.put(first.place, null, this.#stampMs())
    this.#head += 1
    if (this.#head === this.#page.length) {
      this.#page.length = 0
      this.#head = 0
    } else if (this.#head > PAGE_ROWS_MAX) {
      this.#page.splice(0, this.#head)
      this.#head = 0
    }
    return first
  }

  #first(): Entry<R> | undefined {
    if (this.#head === this.#page.length && this.#pageEnd !== undefined) this.#readPage()
    return this.#page[this.#head]
  }

  #readPage(): void {
    const page: Entry<R>[] = []
    this.#pageEnd = this.#readInto(page, this.#pageEnd as Buffer)
    this.#page = page
    this.#head = 0
  }

  /** Where the page ends; undefined: there is no more. */
  #readInto(page: Entry<R>[], from: Buffer): Buffer | undefined {
    for (const [place, row] of this.#store.range(from, Buffer.of(this.#number + 1))) {
      if (place[0] !== this.#number) break
      const own = Buffer.from(place)
      page.push({ timeMs: timeOf(own), place: own, row })
      if (page.length === PAGE_ROWS) return after(own)
    }
    return undefined
  }

  #place(timeMs: number, tie: Uint8Array): Buffer {
    const place = Buffer.allocUnsafe(PLACE_BYTES + tie.length)
    place[0] = this.#number
    writeTime(place, timeMs)
    place.set(tie, PLACE_BYTES)
    return place
  }

  /** Where it is in the page, or would be. Most come last. */
  #indexOf(place: Buffer): number {
    const page = this.#page
    let low = this.#head
    let high = page.length
    const last = page[high - 1]
    if (last !== undefined && Buffer.compare(last.place, place) < 0) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (Buffer.compare((page[middle] as Entry<R>).place, place) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

const after = (place: Buffer): Buffer => Buffer.concat([place, Buffer.of(0)])

/** Above the least time that there can be, so that the order of bytes is the order of times. */
const HIGH_OFFSET = 2 ** 31
const LOW_RANGE = 2 ** 32

function writeTime(place: Buffer, timeMs: number): void {
  const high = Math.floor(timeMs / LOW_RANGE)
  place.writeUInt32BE(high + HIGH_OFFSET, 1)
  place.writeUInt32BE(timeMs - high * LOW_RANGE, 5)
}

const timeOf = (place: Buffer): number =>
  (place.readUInt32BE(1) - HIGH_OFFSET) * LOW_RANGE + place.readUInt32BE(5)
