import type { Queued } from '../../state/timer-store.ts'

/** Of payloads, of all queues together. */
const BYTES_MAX = 4 * 1024 * 1024
const KEYS_MAX = 10_000

/**
 * Queues that began while somebody looked: they are known in full, and need not be read from the
 * store. Where they are too much they are all let go, and read from there.
 */
export class KnownQueues {
  readonly #queues = new Map<unknown, Queued[]>()
  #bytes = 0

  /** Undefined where it has to be read. */
  of(key: unknown): readonly Queued[] | undefined {
    return this.#queues.get(key)
  }

  /** Something is put at its end; `isFirst`: there was nothing before. */
  push(key: unknown, queued: Queued, isFirst: boolean): void {
    const queue = this.#queues.get(key)
    if (queue !== undefined) queue.push(queued)
    else if (isFirst) this.#queues.set(key, [queued])
    else return
    this.#bytes += queued.payload.length
    if (this.#bytes <= BYTES_MAX && this.#queues.size <= KEYS_MAX) return
    this.#queues.clear()
    this.#bytes = 0
  }

  /** Its first is taken out. */
  shift(key: unknown): void {
    const queue = this.#queues.get(key)
    if (queue === undefined) return
    this.#bytes -= queue.shift()?.payload.length ?? 0
    if (queue.length === 0) this.#queues.delete(key)
  }
}
