import type { ByteString } from '../byte-string.ts'

/** Keys that are known; as many again may be there from before. */
const KEYS_MAX = 5_000

/**
 * How many rows keys have that were asked for lately, so that asking again, for each record of a
 * key, reads nothing. Two generations: when the young one is full it becomes the old one.
 */
export class RowCounts {
  readonly #count: (key: ByteString) => number
  #young = new Map<ByteString, number>()
  #old = new Map<ByteString, number>()

  /** `count` reads the store. */
  constructor(count: (key: ByteString) => number) {
    this.#count = count
  }

  of(key: ByteString): number {
    let known = this.#young.get(key)
    if (known !== undefined) return known
    known = this.#old.get(key) ?? this.#count(key)
    if (this.#young.size >= KEYS_MAX) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, known)
    return known
  }

  /** A row of the key was put that was not there, or deleted. */
  add(key: () => ByteString, rows: number): void {
    if (this.#young.size === 0) return
    const text = key()
    const young = this.#young.get(text)
    if (young !== undefined) this.#young.set(text, young + rows)
    const old = this.#old.get(text)
    if (old !== undefined) this.#old.set(text, old + rows)
  }

  forget(): void {
    this.#young.clear()
    this.#old.clear()
  }
}
