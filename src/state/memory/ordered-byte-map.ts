import type { ByteString } from '../byte-string.ts'
import { SortedKeys } from './sorted-keys.ts'

/**
 * A map of bytes with an order. A point operation is one operation of a `Map`: the order is kept
 * only from the first `entries` on. Iteration survives changes; it may or may not see them.
 */
export class OrderedByteMap<V extends object | string> {
  readonly #values = new Map<ByteString, V>()
  #order: SortedKeys | undefined

  /** `isOrdered`: the order is kept from the beginning, and no `entries` has to make it. */
  constructor(isOrdered = false) {
    if (isOrdered) this.#order = new SortedKeys([])
  }

  get size(): number {
    return this.#values.size
  }

  get(key: ByteString): V | undefined {
    return this.#values.get(key)
  }

  set(key: ByteString, value: V): void {
    const before = this.#values.size
    this.#values.set(key, value)
    if (this.#order !== undefined && this.#values.size > before) this.#order.add(key)
  }

  delete(key: ByteString): boolean {
    const deleted = this.#values.delete(key)
    if (deleted) this.#order?.remove(key)
    return deleted
  }

  clear(): void {
    this.#values.clear()
    this.#order = undefined
  }

  /** Every value, in the order in which the keys were first set. */
  values(): IterableIterator<V> {
    return this.#values.values()
  }

  /** Every value by its key's order; cheaper than `entries`, and no order is kept for it. */
  sorted(): V[] {
    return [...this.#values.keys()].sort().map((key) => this.#values.get(key)!)
  }

  /** `from` inclusive, `to` exclusive; null is unbounded. */
  *entries(
    from: ByteString | null,
    to: ByteString | null,
    direction: 'forward' | 'backward',
  ): Generator<readonly [key: ByteString, value: V], undefined> {
    this.#order ??= new SortedKeys(this.#values.keys())
    for (const key of this.#order.range(from, to, direction)) {
      const value = this.#values.get(key)
      if (value !== undefined) yield [key, value]
    }
  }
}
