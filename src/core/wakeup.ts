import type { Clock } from './clock.ts'

/**
 * Lets a loop sleep until something happened. `notify` before `wait` is not lost: the next `wait`
 * returns at once. One waiter at a time.
 */
export class Wakeup {
  readonly #clock: Clock
  #notified = false
  #wake: AbortController | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  readonly notify = (): void => {
    this.#notified = true
    // Without a reason it would make an error, with a stack, each time.
    this.#wake?.abort('notified')
  }

  async wait(ms: number): Promise<void> {
    if (!this.#notified) {
      this.#wake = new AbortController()
      await this.#clock.sleep(ms, this.#wake.signal)
      this.#wake = undefined
    }
    this.#notified = false
  }
}
