import type { ByteString } from '../byte-string.ts'
import { SortedKeys } from './sorted-keys.ts'

/**
 * A map of bytes with an order. A point operation is one operation of a `Map`: the order is kept
 * only from the first `entries` on. Iteration survives changes; it may or may not see them. What is
 * appended is not even put into the `Map` before something is looked for.
 */
export class OrderedByteMap<V extends object | string> {
  readonly #values = new Map<ByteString, V>()
  #appendedKeys: ByteString[] = []
  #appended: V[] = []
  #order: SortedKeys | undefined

  /** `isOrdered`: the order is kept from the beginning, and no `entries` has to make it. */
  constructor(isOrdered = false) {
    if (isOrdered) this.#order = new SortedKeys([])
  }

  get size(): number {
    return this.#values.size + this.#appended.length
  }

  get(key: ByteString): V | undefined {
    this.#settle()
    return this.#values.get(key)
  }

  set(key: ByteString, value: V): void {
    this.#settle()
    const before = this.#values.size
    this.#values.set(key, value)
    if (this.#order !== undefined && this.#values.size > before) this.#order.add(key)
  }

  /** The key must not be in the map. */
  append(key: ByteString, value: V): void {
    if (this.#order === undefined) {
      this.#appendedKeys.push(key)
      this.#appended.push(value)
    } else {
      this.#values.set(key, value)
      this.#order.add(key)
    }
  }

  #settle(): void {
    if (this.#appended.length === 0) return
    const [keys, values] = [this.#appendedKeys, this.#appended]
    this.#appendedKeys = []
    this.#appended = []
    for (const [index, key] of keys.entries()) this.#values.set(key, values[index]!)
  }

  delete(key: ByteString): boolean {
    this.#settle()
    const deleted = this.#values.delete(key)
    if (deleted) this.#order?.remove(key)
    return deleted
  }

  clear(): void {
    this.#values.clear()
    this.#appendedKeys = []
    this.#appended = []
    this.#order = undefined
  }

  /** Every value, in the order in which the keys were first set. */
  values(): IterableIterator<V> {
    this.#settle()
    return this.#values.values()
  }

  /** Every value by its key's order; cheaper than `entries`, and no order is kept for it. */
  sorted(): V[] {
    if (this.#values.size === 0) {
      const [keys, values] = [this.#appendedKeys, this.#appended]
      const indexes = Uint32Array.from(keys.keys())
      indexes.sort((a, b) => (keys[a]! < keys[b]! ? -1 : 1))
      return Array.from(indexes, (index) => values[index]!)
    }
    this.#settle()
    return [...this.#values.keys()].sort().map((key) => this.#values.get(key)!)
  }

  /** `from` inclusive, `to` exclusive; null is unbounded. */
  *entries(
    from: ByteString | null,
    to: ByteString | null,
    direction: 'forward' | 'backward',
  ): Generator<readonly [key: ByteString, value: V], undefined> {
    this.#settle()
    this.#order ??= new SortedKeys(this.#values.keys())
    for (const key of this.#order.range(from, to, direction)) {
      const value = this.#values.get(key)
      if (value !== undefined) yield [key, value]
    }
  }
}
