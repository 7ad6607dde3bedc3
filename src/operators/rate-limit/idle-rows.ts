import type { KeyValueStore } from '../../state/store.ts'

/** After so many new rows, twice as many are looked at: the store cannot outgrow that. */
const NEW_ROWS = 64
/** At most so many in one look. */
const LOOK_ROWS_MAX = 1_000

/**
 * Deletes the rows of a store that say nothing any more, a few at a time, round and round: so a
 * store of many keys that come and go stays about as large as those that are in use.
 */
export class IdleRows<K, V> {
  readonly #rows: KeyValueStore<K, V>
  readonly #isIdle: (value: V) => boolean
  #newRows = 0
  /** Where the last look ended; null at the beginning. */
  #from: K | null = null

  constructor(rows: KeyValueStore<K, V>, isIdle: (value: V) => boolean) {
    this.#rows = rows
    this.#isIdle = isIdle
  }

  /** A row was put that was not there. */
  added(): void {
    this.#newRows += 1
    if (this.#newRows < NEW_ROWS) return
    this.#newRows = 0
    this.look(2 * NEW_ROWS)
  }

  /** Goes on with the next rows, at most so many. */
  look(max = LOOK_ROWS_MAX): void {
    let left = max
    let last: K | null = null
    const idle: K[] = []
    for (const [key, value] of this.#rows.range(this.#from, null)) {
      last = key
      if (this.#isIdle(value)) idle.push(key)
      left -= 1
      if (left === 0) break
    }
    // A range that was not read to its end goes on from there.
    this.#from = left === 0 ? last : null
    for (const key of idle) this.#rows.put(key, null)
  }
}
