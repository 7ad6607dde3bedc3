import type { ThreadCounters } from '../../core/metrics.ts'
import { noHeaders } from '../../core/record.ts'
import type { RecordMeta } from '../../core/record-meta.ts'
import type { DueTimer, TimerClock, TimerStore } from '../../state/timer-store.ts'
import type { FailurePolicy } from '../../topology/graph.ts'
import { failureAt } from './compile-graph.ts'
import { failedTimer, type Failures } from './failures.ts'

interface Owner {
  readonly node: string
  readonly store: TimerStore<unknown>
  readonly onTimer: (timer: DueTimer<unknown>) => void
}

export interface TaskTimersOptions {
  readonly meta: RecordMeta
  readonly counters: ThreadCounters
  readonly failures: Failures
  /** The topology's, for timers that fail. */
  readonly policy: FailurePolicy
}

/** The durable timers of one task, of all its steps: the one that is due first fires first. */
export class TaskTimers {
  readonly #options: TaskTimersOptions
  readonly #owners: Owner[] = []

  constructor(options: TaskTimersOptions) {
    this.#options = options
  }

  /** `onTimer` is given each timer of the store when it has been taken out. */
  add<K>(node: string, store: TimerStore<K>, onTimer: (timer: DueTimer<K>) => void): TimerStore<K> {
    // Each owner is handed the timers of its own store only.
    this.#owners.push({ node, store, onTimer } as unknown as Owner)
    return store
  }

  /** When the next one is due; Infinity where there is none. */
  nextMs(clock: TimerClock): number {
    let nextMs = Infinity
    for (const { store } of this.#owners) nextMs = Math.min(nextMs, store.nextMs(clock))
    return nextMs
  }

  /** Fires the next one if it is due by now; of two with the same time, the earlier step's. */
  fireNext(clock: TimerClock, nowMs: number): boolean {
    let next: Owner | undefined
    let nextMs = Infinity
    for (const owner of this.#owners) {
      const ms = owner.store.nextMs(clock)
      if (ms < nextMs) {
        next = owner
        nextMs = ms
      }
    }
    if (next === undefined || nextMs > nowMs) return false
    const timer = next.store.take(clock, nowMs)
    if (timer === undefined) return false
    this.#fire(next, timer)
    return true
  }

  /** No record is at fault, but the timer is: the policy decides about it. */
  #fire({ node, onTimer }: Owner, timer: DueTimer<unknown>): void {
    const { meta, counters, failures, policy } = this.#options
    counters.timers += 1
    meta.from('', -1, -1)
    meta.at(timer.key, timer.atMs, noHeaders)
    try {
      onTimer(timer)
    } catch (error) {
      failures.settle(failedTimer(timer), failureAt(node, error), policy, node)
    }
  }
}
