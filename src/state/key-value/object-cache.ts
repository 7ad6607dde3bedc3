import type { Identity } from './key-space.ts'

/**
 * Rows as objects, bounded in bytes. Two generations: when the young one has taken half the bound,
 * it becomes the old one, and what was not used since then is dropped. That costs nothing per use,
 * unlike a list of the least recently used.
 */
export class ObjectCache<R> {
  readonly #generationBytes: number
  #young = new Map<Identity, R>()
  #youngBytes = 0
  #old = new Map<Identity, R>()
  readonly #sizeOf: (row: R) => number

  constructor(maxBytes: number, sizeOf: (row: R) => number) {
    this.#generationBytes = maxBytes / 2
    this.#sizeOf = sizeOf
  }

  get(identity: Identity): R | undefined {
    const young = this.#young.get(identity)
    if (young !== undefined || this.#old.size === 0) return young
    const old = this.#old.get(identity)
    if (old !== undefined) this.set(identity, old)
    return old
  }

  set(identity: Identity, row: R): void {
    const bytes = this.#sizeOf(row)
    // It would push out everything else for one row.
    if (bytes > this.#generationBytes) return
    this.#old.delete(identity)
    this.#young.set(identity, row)
    this.grew(bytes)
  }

  /** A set of what is certainly not in here. */
  add(identity: Identity, row: R): void {
    const bytes = this.#sizeOf(row)
    if (bytes > this.#generationBytes) return
    this.#young.set(identity, row)
    this.grew(bytes)
  }

  /** A row that is in here got larger, or smaller, by so much. */
  grew(bytes: number): void {
    this.#youngBytes += bytes
    if (this.#youngBytes < this.#generationBytes) return
    this.#old = this.#young
    this.#young = new Map()
    this.#youngBytes = 0
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
    this.#youngBytes = 0
  }
}
