import type { Clock } from '../core/clock.ts'
import { isInteractive, printError, rewriteLine } from './terminal.ts'

/** How often a line that stays is written where nobody watches. */
const LOG_EVERY_MS = 10_000
const REWRITE_EVERY_MS = 100

/** How far long work has got: a line that changes on a terminal, a line now and then elsewhere. */
export class Progress implements Disposable {
  readonly #clock: Clock
  readonly #everyMs = isInteractive() ? REWRITE_EVERY_MS : LOG_EVERY_MS
  #dueMs: number
  #isShowing = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#dueMs = clock.nowMs() + this.#everyMs
  }

  show(text: () => string): void {
    const nowMs = this.#clock.nowMs()
    if (nowMs < this.#dueMs) return
    this.#dueMs = nowMs + this.#everyMs
    if (!isInteractive()) return printError(text())
    rewriteLine(text())
    this.#isShowing = true
  }

  /** Leaves the line as if it had never been. */
  end(): void {
    if (this.#isShowing) rewriteLine('')
    this.#isShowing = false
  }

  [Symbol.dispose](): void {
    this.end()
  }
}
