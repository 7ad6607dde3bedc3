import { assert } from '../core/errors.ts'
import type { ThreadState } from '../runtime/thread/thread-state.ts'

/**
 * Kafka Streams' `KafkaStreams.State`:
 *
 *     created → rebalancing ⇄ running → pending-shutdown → not-running
 *     any of the first three → pending-error → error
 */
export const applicationMoves = {
  created: ['rebalancing', 'pending-shutdown', 'pending-error'],
  rebalancing: ['running', 'pending-shutdown', 'pending-error'],
  running: ['rebalancing', 'pending-shutdown', 'pending-error'],
  'pending-shutdown': ['not-running', 'pending-error'],
  'pending-error': ['error'],
  'not-running': [],
  error: [],
} as const satisfies Record<string, readonly string[]>

/** Where an application is in its life; the names are those of Kafka Streams. */
export type ApplicationState = keyof typeof applicationMoves

export type StateListener = (state: ApplicationState, before: ApplicationState) => void

/** A listener that throws is no reason to stop, but its author must hear of it. */
const throwLater = (error: unknown): void => {
  queueMicrotask(() => {
    throw error
  })
}

export class ApplicationLife {
  readonly #listeners = new Set<StateListener>()
  readonly #report: (error: unknown) => void
  /** Changes that listeners are still to be told of, each of them in this order. */
  readonly #news: (readonly [state: ApplicationState, before: ApplicationState])[] = []
  #telling = false
  #state: ApplicationState = 'created'

  /** `report` is given what a listener throws; by default it becomes an uncaught exception. */
  constructor(report: (error: unknown) => void = throwLater) {
    this.#report = report
  }

  get state(): ApplicationState {
    return this.#state
  }

  /** Called after every change; the function that is returned stops it. */
  readonly onStateChange = (listener: StateListener): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  moveTo(state: ApplicationState): void {
    const before = this.#state
    if (state === before) return
    const moves: readonly string[] = applicationMoves[before]
    assert(moves.includes(state), `an application does not move from ${before} to ${state}`)
    this.#state = state
    this.#news.push([state, before])
    this.#tell()
  }

  /** A listener may itself change the state: the others hear of that later, not in between. */
  #tell(): void {
    if (this.#telling) return
    this.#telling = true
    for (let news = this.#news.shift(); news !== undefined; news = this.#news.shift()) {
      for (const listener of this.#listeners) {
        try {
          listener(...news)
        } catch (error) {
          this.#report(error)
        }
      }
    }
    this.#telling = false
  }

  /**
   * Follows those threads that have not failed: running when all of them are. Without a thread
   * nothing runs.
   */
  follow(threads: readonly ThreadState[]): void {
    const open =
      this.#state === 'created' || this.#state === 'rebalancing' || this.#state === 'running'
    if (!open) return
    if (threads.length > 0 && threads.every((state) => state === 'running')) {
      if (this.#state === 'created') this.moveTo('rebalancing')
      this.moveTo('running')
    } else if (this.#state !== 'created' || threads.some((state) => state !== 'created')) {
      this.moveTo('rebalancing')
    }
  }
}
