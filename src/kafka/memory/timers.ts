import type { Clock } from '../../core/clock.ts'

/** Things to do later by the clock, each under a name; the same name again replaces it. */
export class Timers {
  readonly #clock: Clock
  readonly #running = new Map<string, AbortController>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  schedule(name: string, ms: number, fire: () => void): void {
    this.cancel(name)
    const cancelled = new AbortController()
    this.#running.set(name, cancelled)
    void this.#clock.sleep(ms, cancelled.signal).then(() => {
      if (cancelled.signal.aborted) return
      this.#running.delete(name)
      fire()
    })
  }

  cancel(name: string): void {
    // Without a reason it would make an error, which nobody sees.
    this.#running.get(name)?.abort('cancelled')
    this.#running.delete(name)
  }

  cancelAll(): void {
    for (const name of this.#running.keys()) this.cancel(name)
  }
}
