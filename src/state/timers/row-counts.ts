import type { ByteString } from '../byte-string.ts'

/** So many keys with rows are known. */
const KEYS_MAX = 20_000
/** So many rows are read to know them all after a restart. */
const ROWS_READ_MAX = 10_000

export interface CountedRows {
  /** How many rows the key has. */
  readonly count: (key: ByteString) => number
  /** The key of each row, key after key. */
  readonly keys: () => Iterable<ByteString>
}

/**
 * How many rows each key has. While few keys have any, all of them are known, so that to ask for
 * another one, as each of its records does, reads nothing. With more of them those are known that
 * were asked for lately.
 */
export class RowCounts {
  readonly #rows: CountedRows
  /** Undefined: it was never asked for, or all may have changed. */
  #counts: Map<ByteString, number> | undefined
  /** Whoever is not in it has no rows. */
  #isComplete = false

  constructor(rows: CountedRows) {
    this.#rows = rows
  }

  of(key: ByteString): number {
    const counts = (this.#counts ??= this.#readAll())
    const known = counts.get(key)
    if (known !== undefined) return known
    if (this.#isComplete) return 0
    const count = this.#rows.count(key)
    if (counts.size >= KEYS_MAX) counts.clear()
    counts.set(key, count)
    return count
  }

  /** A row of the key was put that was not there (1), or deleted (-1). */
  add(key: () => ByteString, rows: 1 | -1): void {
    const counts = this.#counts
    if (counts === undefined) return
    const text = key()
    const known = counts.get(text) ?? (this.#isComplete ? 0 : undefined)
    if (known === undefined) return
    if (known + rows === 0 && this.#isComplete) counts.delete(text)
    else counts.set(text, known + rows)
    if (counts.size > KEYS_MAX) {
      this.#isComplete = false
      counts.clear()
    }
  }

  forget(): void {
    this.#counts = undefined
  }

  #readAll(): Map<ByteString, number> {
    const counts = new Map<ByteString, number>()
    let left = ROWS_READ_MAX
    this.#isComplete = true
    for (const key of this.#rows.keys()) {
      if (left-- === 0) {
        this.#isComplete = false
        return new Map()
      }
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return counts
  }
}
