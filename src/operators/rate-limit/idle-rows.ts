import type { KeyValueStore } from '../../state/store.ts'

/** A round begins when so many rows have come, or as many as the last one left. */
const ROUND_ROWS_MIN = 1_024
/** While a round goes on, twice as many rows are looked at as come. */
const NEW_ROWS = 64
/** At most so many in one look. */
const LOOK_ROWS_MAX = 1_000

/**
 * Deletes the rows of a store that say nothing any more, a few at a time and round after round. A
 * store of keys that come and go so stays within some times the size of those that are in use.
 */
export class IdleRows<K, V> {
  readonly #rows: KeyValueStore<K, V>
  readonly #isIdle: (value: V) => boolean
  #newRows = 0
  #isGoingRound = false
  /** Where the last look ended; null at the beginning. */
  #from: K | null = null
  /** Rows that were found to be in use, in this round and in the one before. */
  #used = 0
  #usedBefore = 0

  constructor(rows: KeyValueStore<K, V>, isIdle: (value: V) => boolean) {
    this.#rows = rows
    this.#isIdle = isIdle
  }

  /** A row was put that was not there. */
  added(): void {
    this.#newRows += 1
    if (!this.#isGoingRound) {
      this.#isGoingRound = this.#newRows >= Math.max(ROUND_ROWS_MIN, this.#usedBefore)
    } else if (this.#newRows % NEW_ROWS === 0) this.look(2 * NEW_ROWS)
  }

  /** Goes on with the next rows, at most so many. */
  look(max = LOOK_ROWS_MAX): void {
    let left = max
    let last: K | null = null
    const idle: K[] = []
    for (const [key, value] of this.#rows.range(this.#from, null)) {
      last = key
      if (this.#isIdle(value)) idle.push(key)
      else this.#used += 1
      left -= 1
      if (left === 0) break
    }
    for (const key of idle) this.#rows.put(key, null)
    this.#from = last
    if (left > 0) this.#endRound()
  }

  #endRound(): void {
    this.#from = null
    this.#isGoingRound = false
    this.#newRows = 0
    this.#usedBefore = this.#used
    this.#used = 0
  }
}
