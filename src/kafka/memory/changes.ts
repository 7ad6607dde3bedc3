import type { Clock } from '../../core/clock.ts'

/** Wakes everyone who waits for the cluster to change: data arrived, a leader moved. */
export class Changes {
  readonly #clock: Clock
  readonly #waiting = new Set<AbortController>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  notify(): void {
    // Without a reason each would make an error, which nobody sees.
    for (const waiter of this.#waiting) waiter.abort('changed')
    this.#waiting.clear()
  }

  /** Until the next change, at most `ms`, or until the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const changed = new AbortController()
    const end = (): void => changed.abort('ended')
    signal.addEventListener('abort', end)
    this.#waiting.add(changed)
    await this.#clock.sleep(ms, changed.signal)
    this.#waiting.delete(changed)
    signal.removeEventListener('abort', end)
  }
}
