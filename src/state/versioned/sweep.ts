import { type ByteString, byteString } from '../byte-string.ts'
import type { WriteBuffer } from '../cache/write-buffer.ts'
import { hasValue, timestampOf } from './stored-version.ts'
import { isNewest, isSameKey, isVersion, timeAt } from './version-layout.ts'

/** Rows looked at for each put: so there are at most half as many useless rows as there were. */
const ROWS_PER_PUT = 2
/** Less is not worth to begin with. */
const STEP_ROWS = 512
/** What a flush looks at beyond, for what a few puts have expired at once. Some milliseconds. */
const ROWS_PER_FLUSH = 2_048
/** Of stream time, from the beginning of one round to the next. */
const ROUND_MIN_MS = 1_000

/**
 * Goes round the rows of a versioned store, a few at each put, and deletes the versions that nobody
 * can ask for any more: those whose end is out of the history, and deletions that are. A round
 * begins when half a history has passed since the last one did.
 */
export class Sweep {
  readonly #buffer: WriteBuffer
  readonly #everyMs: number
  /** The next row to look at; null at the beginning of a round. */
  #at: Uint8Array | null = null
  #isUnderWay = false
  #nextRoundMs = -Infinity
  #rowsDue = 0

  constructor(buffer: WriteBuffer, historyMs: number) {
    this.#buffer = buffer
    this.#everyMs = Math.max(ROUND_MIN_MS, historyMs / 2)
  }

  /** After a put. `horizonMs` is where the history begins: what ended until then is expired. */
  afterPut(horizonMs: number): void {
    if (horizonMs <= 0) return
    this.#rowsDue += ROWS_PER_PUT
    if (this.#rowsDue >= STEP_ROWS) this.#advance(horizonMs)
  }

  beforeCommit(horizonMs: number): void {
    if (horizonMs <= 0) return
    this.#rowsDue += ROWS_PER_FLUSH
    this.#advance(horizonMs)
  }

  #advance(horizonMs: number): void {
    const rowsMax = this.#rowsDue
    this.#rowsDue = 0
    if (!this.#isUnderWay) {
      if (horizonMs < this.#nextRoundMs) return
      this.#nextRoundMs = horizonMs + this.#everyMs
      this.#isUnderWay = true
      this.#at = null
    }
    const expired: ByteString[] = []
    this.#at = this.#look(horizonMs, rowsMax, expired)
    this.#isUnderWay = this.#at !== null
    for (const key of expired) this.#buffer.put(key, null)
  }

  /** Returns the row to go on from; null at the end. */
  #look(horizonMs: number, rowsMax: number, expired: ByteString[]): Uint8Array | null {
    let last: Uint8Array | undefined
    let left = rowsMax
    for (const [local, stored] of this.#buffer.range(this.#at, null, 'forward')) {
      if (!isVersion(local)) continue
      const newest = isNewest(local)
      const timestampMs = newest ? timestampOf(stored) : timeAt(local)
      if (last !== undefined && isSameKey(last, local) && timestampMs <= horizonMs) {
        expired.push(byteString(last))
      }
      const isGone = newest && !hasValue(stored) && timestampMs < horizonMs
      if (isGone) expired.push(byteString(local))
      last = newest ? undefined : local
      if (--left <= 0 && last === undefined) return next(local)
      if (left <= 0) return Uint8Array.from(local)
    }
    return null
  }

  /** From the beginning, at the next put. */
  reset(): void {
    this.#isUnderWay = false
    this.#nextRoundMs = -Infinity
    this.#rowsDue = 0
  }
}

const next = (local: Uint8Array): Uint8Array => Buffer.concat([local, Buffer.of(0)])
