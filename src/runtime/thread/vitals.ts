import type { Clock } from '../../core/clock.ts'
import { copiedCounters, type ThreadCounters } from '../../core/metrics.ts'
import { RecentWork } from '../../core/recent-work.ts'
import type { Fetcher } from '../../kafka/client/fetcher.ts'
import type { GlobalReader } from '../global/global-reader.ts'
import type { Restorer } from '../restore/restorer.ts'
import type { Outgoing } from './outgoing.ts'
import type { Standbys } from './standbys.ts'
import type { TaskRegistry } from './task-registry.ts'
import { inputsOf, lagOf, storesOf, workOf, type ThreadSnapshot } from './thread-snapshot.ts'
import type { ThreadState } from './thread-state.ts'

/** What a snapshot is taken of. */
export interface MeasuredParts {
  readonly tasks: TaskRegistry
  readonly fetcher: Fetcher
  readonly restorer: Restorer
  readonly globals: GlobalReader
  readonly standbys: Standbys
  readonly outgoing: Outgoing
}

/** How a thread is doing: what it counts, how fast it is, and that its loop comes round. */
export class Vitals {
  readonly processing: RecentWork
  readonly committing: RecentWork
  readonly punctuating: RecentWork
  /** Times without anything to do. */
  readonly #idling: RecentWork
  /** Changelog records, into stores and into standbys. */
  readonly #restoring: RecentWork
  readonly #following: RecentWork
  /** Counted by the turn before. */
  #restored = 0
  #followed = 0
  readonly #clock: Clock
  readonly #counters: ThreadCounters
  #turnedAtMs: number

  readonly #thread: number

  constructor(thread: number, clock: Clock, counters: ThreadCounters) {
    this.#thread = thread
    this.#clock = clock
    this.#counters = counters
    this.#turnedAtMs = clock.nowMs()
    this.processing = new RecentWork(this.#turnedAtMs)
    this.committing = new RecentWork(this.#turnedAtMs)
    this.punctuating = new RecentWork(this.#turnedAtMs)
    this.#idling = new RecentWork(this.#turnedAtMs)
    this.#restoring = new RecentWork(this.#turnedAtMs)
    this.#following = new RecentWork(this.#turnedAtMs)
  }

  /** The loop has come round, at this time, which is returned. */
  turned(nowMs: number): number {
    this.#turnedAtMs = nowMs
    this.#counters.polls += 1
    this.#noteReplayed(nowMs)
    return nowMs
  }

  #noteReplayed(nowMs: number): void {
    const { restored, followed } = this.#counters
    if (restored > this.#restored) this.#restoring.add(nowMs, restored - this.#restored, 0)
    if (followed > this.#followed) this.#following.add(nowMs, followed - this.#followed, 0)
    this.#restored = restored
    this.#followed = followed
  }

  /** Waits for something to do. */
  async waiting(wait: Promise<unknown>): Promise<void> {
    const beganMs = this.#clock.nowMs()
    await wait
    const nowMs = this.#clock.nowMs()
    this.#idling.add(nowMs, 1, Math.max(0, nowMs - beganMs))
  }

  get sinceTurnMs(): number {
    return Math.max(0, this.#clock.nowMs() - this.#turnedAtMs)
  }

  /** All of it is a copy, plain data. */
  snapshot(parts: MeasuredParts, state: ThreadState): ThreadSnapshot {
    const { tasks, fetcher, restorer, globals, standbys, outgoing } = parts
    const nowMs = this.#clock.nowMs()
    const inputs = inputsOf(tasks.running, fetcher)
    return {
      thread: this.#thread,
      state,
      counters: copiedCounters(this.#counters),
      tasks: tasks.ids.map((id) => ({ id, state: tasks.stateOf(id) })),
      lag: lagOf(inputs),
      inputs,
      work: tasks.running.map((task) => workOf(task, fetcher, nowMs)),
      stores: storesOf(tasks.running),
      restoring: restorer.progress(),
      globals: globals.progress(),
      standbys: standbys.progress(),
      processing: this.processing.at(nowMs),
      committing: this.committing.at(nowMs),
      punctuating: this.punctuating.at(nowMs),
      idling: this.#idling.at(nowMs),
      restoreRate: this.#restoring.at(nowMs).rate,
      followRate: this.#following.at(nowMs).rate,
      sendBufferBytes: outgoing.producer.bufferedBytes,
      sinceTurnMs: this.sinceTurnMs,
    }
  }
}
