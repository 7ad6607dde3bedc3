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

export type ApplicationState = keyof typeof applicationMoves

export type StateListener = (state: ApplicationState, before: ApplicationState) => void

export class ApplicationLife {
  readonly #listeners = new Set<StateListener>()
  #state: ApplicationState = 'created'

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
    for (const listener of this.#listeners) listener(state, before)
  }

  /** Follows the threads: running when all of them are. */
  follow(threads: readonly ThreadState[]): void {
    const open =
      this.#state === 'created' || this.#state === 'rebalancing' || this.#state === 'running'
    if (!open) return
    if (threads.includes('failed')) this.moveTo('pending-error')
    else if (threads.every((state) => state === 'running')) {
      if (this.#state === 'created') this.moveTo('rebalancing')
      this.moveTo('running')
    } else if (threads.some((state) => state !== 'created')) this.moveTo('rebalancing')
  }
}
