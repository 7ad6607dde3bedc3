import { compareBytes, successor } from '../byte-order.ts'

export interface OrderedBytes<out V> {
  /** `from` inclusive, `to` exclusive; null is unbounded. */
  readonly range: (
    from: Uint8Array | null,
    to: Uint8Array | null,
    direction: 'forward' | 'backward',
  ) => IterableIterator<readonly [key: Uint8Array, value: V]>
}

/**
 * Two layers as one: a key of the upper layer hides the same key below, and null hides it
 * altogether. `version` must change whenever entries move from the upper layer to the lower one:
 * the iteration then starts both layers anew after the last key it saw, so that an entry which
 * moved past it is neither lost nor given twice.
 */
export class Overlay<V> implements OrderedBytes<V> {
  readonly #upper: OrderedBytes<V | null>
  readonly #lower: OrderedBytes<V>
  readonly #version: () => number

  constructor(upper: OrderedBytes<V | null>, lower: OrderedBytes<V>, version: () => number) {
    this.#upper = upper
    this.#lower = lower
    this.#version = version
  }

  range(
    from: Uint8Array | null,
    to: Uint8Array | null,
    direction: 'forward' | 'backward',
  ): IterableIterator<readonly [key: Uint8Array, value: V]> {
    return direction === 'forward' ? this.#forward(from, to) : this.#backward(from, to)
  }

  *#forward(
    start: Uint8Array | null,
    to: Uint8Array | null,
  ): Generator<readonly [key: Uint8Array, value: V], undefined> {
    let from = start
    for (;;) {
      const last = yield* this.#merge(from, to, 'forward')
      if (last === undefined) return
      from = successor(last)
    }
  }

  *#backward(
    from: Uint8Array | null,
    end: Uint8Array | null,
  ): Generator<readonly [key: Uint8Array, value: V], undefined> {
    let to = end
    for (;;) {
      const last = yield* this.#merge(from, to, 'backward')
      if (last === undefined) return
      to = last
    }
  }

  /** Returns the last key it saw where the layers changed under it, or undefined at the end. */
  *#merge(
    from: Uint8Array | null,
    to: Uint8Array | null,
    direction: 'forward' | 'backward',
  ): Generator<readonly [key: Uint8Array, value: V], Uint8Array | undefined> {
    const version = this.#version()
    const sign = direction === 'forward' ? 1 : -1
    const upper = this.#upper.range(from, to, direction)
    const lower = this.#lower.range(from, to, direction)
    let above = upper.next()
    let below = lower.next()
    while (above.done !== true || below.done !== true) {
      const order = below.done
        ? -1
        : above.done
          ? 1
          : sign * compareBytes(above.value[0], below.value[0])
      const [key, value] = order <= 0 ? above.value! : below.value!
      if (value !== null) yield [key, value]
      if (version !== this.#version()) return key
      if (order <= 0) above = upper.next()
      if (order >= 0) below = lower.next()
    }
    return undefined
  }
}
