import type { Clock } from '../../core/clock.ts'
import type { Offset } from '../../core/record.ts'
import type { Emit } from '../../topology/processor.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { NodeVitals } from './task-vitals.ts'

/** An input partition of a task. */
export interface Input {
  readonly queue: PartitionQueue
  readonly emit: Emit
  /** Of its source. */
  readonly vitals: NodeVitals
  /** -1 where nothing is committed. */
  committed: Offset
  /** See `topicIdentity`; empty where it is not known. */
  topicIs: string
}

/** Only its wall-clock waiting is kept beside the input itself. */
interface Waiting {
  readonly input: Input
  /** Since when it is empty here and at the broker; -1 while it is not. */
  idleSinceMs: number
}

/**
 * Which input a task takes its next record from: the one with the smallest timestamp, among those
 * that are not empty. One whose records are at the broker and not here yet is waited for (KIP-695),
 * and one that is empty there too for `maxIdleMs` of the wall clock (KIP-353). With a negative
 * `maxIdleMs` nothing is waited for.
 */
export class InputOrder {
  readonly #inputs: readonly Waiting[]
  readonly #maxIdleMs: number
  readonly #clock: Clock
  #waitsUntilMs: number | undefined

  constructor(inputs: readonly Input[], maxIdleMs: number, clock: Clock) {
    this.#inputs = inputs.map((input) => ({ input, idleSinceMs: -1 }))
    this.#maxIdleMs = maxIdleMs
    this.#clock = clock
  }

  /** Undefined: there is none, or it has to wait. */
  next(): Input | undefined {
    const inputs = this.#inputs
    if (inputs.length === 1) {
      const { input } = inputs[0] as Waiting
      return input.queue.fill() ? input : undefined
    }
    let next: Input | undefined
    let untilMs = -1
    for (const waiting of inputs) {
      const { input } = waiting
      if (input.queue.fill()) {
        waiting.idleSinceMs = -1
        if (next === undefined || input.queue.headTimestampMs < next.queue.headTimestampMs) {
          next = input
        }
      } else if (this.#maxIdleMs >= 0) {
        untilMs = Math.max(untilMs, this.#awaited(waiting))
      }
    }
    this.#waitsUntilMs = next !== undefined && Number.isFinite(untilMs) ? untilMs : undefined
    return untilMs < 0 ? next : undefined
  }

  /** Until when an empty input is waited for; -1: no longer. */
  #awaited(waiting: Waiting): number {
    if (waiting.input.queue.isLagging()) {
      waiting.idleSinceMs = -1
      return Infinity
    }
    if (this.#maxIdleMs === 0) return -1
    const nowMs = this.#clock.nowMs()
    if (waiting.idleSinceMs < 0) waiting.idleSinceMs = nowMs
    const untilMs = waiting.idleSinceMs + this.#maxIdleMs
    return nowMs < untilMs ? untilMs : -1
  }

  /** Until when it is known that none has anything to read; -1: one has, or may have. */
  idleUntilMs(): number {
    const times = this.#inputs.map(({ input }) => input.queue.idleUntilMs())
    return times.length === 0 ? -1 : Math.min(...times)
  }

  /** When what has arrived may be taken although nothing more has; undefined: at an arrival. */
  get waitsUntilMs(): number | undefined {
    return this.#waitsUntilMs
  }
}
