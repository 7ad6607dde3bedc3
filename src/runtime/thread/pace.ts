import type { Clock } from '../../core/clock.ts'
import type { Committer } from '../commit/committer.ts'
import type { GlobalReader } from '../global/global-reader.ts'
import type { Rebalancer } from './rebalancer.ts'
import type { TaskRegistry } from './task-registry.ts'

/** How long an idle loop sleeps when nothing is due. */
const IDLE_WAIT_MS = 100

export interface PaceParts {
  readonly tasks: TaskRegistry
  readonly committer: Committer
  readonly rebalancer: Rebalancer
  readonly globals: GlobalReader
}

/** What the loop of a thread may do now, and how long it may sleep. */
export class Pace {
  readonly #transactionTimeoutMs: number
  readonly #clock: Clock
  readonly #parts: PaceParts
  /** By the user (KIP-834): nothing is processed and no timer fires. */
  isPaused = false

  constructor(
    { transactionTimeoutMs }: { readonly transactionTimeoutMs: number },
    clock: Clock,
    parts: PaceParts,
  ) {
    this.#transactionTimeoutMs = transactionTimeoutMs
    this.#clock = clock
    this.#parts = parts
  }

  /** Uncommitted work must not pile up while the group rebalances. */
  get mayProcess(): boolean {
    const { globals, rebalancer, committer, tasks } = this.#parts
    if (this.isPaused || !globals.isReady) return false
    if (!rebalancer.isJoining) return true
    if (committer.isFull(tasks.running)) return false
    return this.#clock.nowMs() < committer.dueMs + this.#transactionTimeoutMs / 4
  }

  get mayCommit(): boolean {
    return this.#parts.rebalancer.mayCommit
  }

  get waitMs(): number {
    const { tasks, committer } = this.#parts
    const nowMs = this.#clock.nowMs()
    let untilMs = nowMs + IDLE_WAIT_MS
    const { mayCommit, mayProcess } = this
    for (const task of tasks.running) {
      if (mayCommit && task.needsCommit) untilMs = Math.min(untilMs, committer.dueMs)
      if (mayProcess) untilMs = Math.min(untilMs, task.nextWallClockMs())
    }
    return Math.max(1, untilMs - nowMs)
  }
}
