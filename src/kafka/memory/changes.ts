import type { Clock } from '../../core/clock.ts'

/** Wakes everyone who waits for the cluster to change: data arrived, a leader moved. */
export class Changes {
  readonly #clock: Clock
  readonly #waiting = new Set<AbortController>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  notify(): void {
    for (const waiter of this.#waiting) waiter.abort()
    this.#waiting.clear()
  }

  /** Until the next change, at most `ms`, or until the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const changed = new AbortController()
    this.#waiting.add(changed)
    await this.#clock.sleep(ms, AbortSignal.any([changed.signal, signal]))
    this.#waiting.delete(changed)
  }
}
