import { assert } from './errors.ts'
import type { Clock } from './clock.ts'
import { yieldToEventLoop } from './yield.ts'

/** Turns of the event loop after which work that was woken counts as settled. */
const TURNS_TO_SETTLE = 4

interface Sleeper {
  readonly wakeAtMs: number
  readonly wake: () => void
}

/**
 * Time that stands still until it is moved, so that a run over hours takes milliseconds and comes
 * out the same each time. Whoever sleeps wakes in the order of time, and what they do on waking is
 * let settle before time goes on; only work that waits for sockets or threads is not waited for.
 */
export class ManualClock implements Clock {
  /** By time of waking; of two with the same time, the one that fell asleep first. */
  readonly #sleepers: Sleeper[] = []
  #nowMs: number
  #moving = false
  /** Told of the next one to fall asleep. */
  #onSleep: (() => void) | undefined

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  readonly nowMs = (): number => this.#nowMs

  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve()
        return
      }
      const wake = (): void => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      const sleeper = { wakeAtMs: this.#nowMs + Math.max(0, ms), wake }
      const abort = (): void => {
        const index = this.#sleepers.indexOf(sleeper)
        if (index >= 0) this.#sleepers.splice(index, 1)
        wake()
      }
      signal?.addEventListener('abort', abort)
      const later = this.#sleepers.findLastIndex((each) => each.wakeAtMs <= sleeper.wakeAtMs) + 1
      this.#sleepers.splice(later, 0, sleeper)
      this.#onSleep?.()
    })

  /** Moves time on by `ms`, waking everyone due on the way. */
  async advance(ms: number): Promise<void> {
    await this.#move(async () => {
      const targetMs = this.#nowMs + ms
      await settle()
      while (this.#wakeNext(targetMs)) await settle()
      this.#nowMs = targetMs
    })
  }

  /**
   * Moves time on from sleeper to sleeper until the work is done: the longest wait passes at once.
   * While nobody sleeps, time stands still.
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    return await this.#move(async () => {
      let isDone = false
      const result = work()
      const done = result.then(
        () => (isDone = true),
        () => (isDone = true),
      )
      for (;;) {
        await settle()
        if (isDone) return await result
        if (!this.#wakeNext(Infinity)) await Promise.race([done, this.#nextSleeper()])
      }
    })
  }

  /** True when someone was due. */
  #wakeNext(untilMs: number): boolean {
    const next = this.#sleepers[0]
    if (next === undefined || next.wakeAtMs > untilMs) return false
    this.#sleepers.shift()
    this.#nowMs = Math.max(this.#nowMs, next.wakeAtMs)
    next.wake()
    return true
  }

  #nextSleeper(): Promise<void> {
    return new Promise((resolve) => {
      this.#onSleep = resolve
    })
  }

  async #move<T>(moves: () => Promise<T>): Promise<T> {
    assert(!this.#moving, 'one hand moves the clock at a time')
    this.#moving = true
    try {
      return await moves()
    } finally {
      this.#moving = false
    }
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS_TO_SETTLE; turn += 1) await yieldToEventLoop()
}
