import { type ByteString, byteString, bytesOf } from '../byte-string.ts'
import type { WriteBuffer } from '../cache/write-buffer.ts'

/** Deleted for each put, once so many have come: what is put is at most one row each. */
const ROWS_PER_PUT = 2
const STEP_PUTS = 256
/** And with each flush: not all that a jump of time has expired at once. */
const ROWS_PER_FLUSH = 10_000

/** How rows lie: by time first. */
interface ByTime {
  readonly groupStart: (timeMs: number) => Buffer
  readonly groupAt: (local: Uint8Array) => number
}

/**
 * Deletes the rows of a window or session store that have expired, from the first on. It keeps pace
 * with the puts, not with the commits: a commit may be long in coming, and bring more than one of
 * them should delete.
 */
export class Expiry {
  readonly #buffer: WriteBuffer
  readonly #layout: ByTime
  /** Everything before it was deleted; null: nothing was, since this store was opened. */
  #deletedTo: Buffer | null = null
  #deletedToMs = 0
  /** What has expired until then is dealt with. */
  #checkedToMs = 0
  #puts = 0

  constructor(buffer: WriteBuffer, layout: ByTime) {
    this.#buffer = buffer
    this.#layout = layout
  }

  /** Rows of an earlier time are not there any more. */
  get deletedToMs(): number {
    return this.#deletedToMs
  }

  /** Whether rows have expired, of times before this one, that were not dealt with. */
  isBehind(liveFromMs: number): boolean {
    return liveFromMs > this.#checkedToMs
  }

  /** They stay until others expire. */
  passOver(liveFromMs: number): void {
    this.#checkedToMs = liveFromMs
  }

  /** To be asked at each put: true when it is time for {@link afterPuts}. */
  isDue(): boolean {
    return ++this.#puts % STEP_PUTS === 0
  }

  afterPuts(liveFromMs: number): void {
    this.#delete(liveFromMs, STEP_PUTS * ROWS_PER_PUT)
  }

  beforeCommit(liveFromMs: number): void {
    this.#delete(liveFromMs, ROWS_PER_FLUSH)
  }

  #delete(liveFromMs: number, rowsMax: number): void {
    const end = this.#layout.groupStart(liveFromMs)
    const expired: ByteString[] = []
    for (const [key] of this.#buffer.range(this.#deletedTo, end, 'forward')) {
      expired.push(byteString(key))
      if (expired.length === rowsMax) break
    }
    for (const key of expired) this.#buffer.put(key, null)
    const last = expired.at(rowsMax - 1)
    this.#deletedTo = last === undefined ? end : bytesOf(last)
    this.#deletedToMs = this.#layout.groupAt(this.#deletedTo)
    if (last === undefined) this.#checkedToMs = liveFromMs
  }

  reset(): void {
    this.#deletedTo = null
    this.#deletedToMs = 0
    this.#checkedToMs = 0
  }
}
