import type { Clock } from '../../core/clock.ts'
import { RecentWork } from '../../core/recent-work.ts'
import { onBehalfOf } from '../task/failed-task.ts'
import type { Task } from '../task/task.ts'

/** Records a task processes before the clock is looked at. */
const RECORDS_PER_SLICE = 32
/**
 * Wall-clock timers it fires before that: fewer, so that records go on while many are overdue, as
 * after a restart.
 */
const TIMERS_PER_SLICE = 16

/**
 * Gives the running tasks of a thread their turns, a slice of timers and records each. It begins
 * where it ended the last time, so that a task gets its turn also when time or room is always up
 * before.
 */
export class Turns {
  readonly #clock: Clock
  readonly #isFull: () => boolean
  readonly #work: RecentWork
  readonly #punctuating: RecentWork
  #next = 0

  /** `isFull`: no room for what the next record may send; the others are told what is done. */
  constructor(
    clock: Clock,
    isFull: () => boolean,
    work = new RecentWork(clock.nowMs()),
    punctuating = new RecentWork(clock.nowMs()),
  ) {
    this.#clock = clock
    this.#isFull = isFull
    this.#work = work
    this.#punctuating = punctuating
  }

  /** Until the time is up, nothing has arrived, or it is full; true when anything was done. */
  take(tasks: readonly Task[], ms: number): boolean {
    const nowMs = this.#clock.nowMs()
    // Before the records, which may take all the room there is, turn after turn.
    const fired = this.#punctuate(tasks, nowMs)
    return this.#process(tasks, nowMs, nowMs + ms) || fired
  }

  #punctuate(tasks: readonly Task[], nowMs: number): boolean {
    let fired = 0
    for (const task of tasks) {
      if (this.#isFull()) break
      if (onBehalfOf(task.id, () => task.punctuate(nowMs))) fired += 1
    }
    if (fired === 0) return false
    const endMs = this.#clock.nowMs()
    this.#punctuating.add(endMs, fired, endMs - nowMs)
    return true
  }

  #process(tasks: readonly Task[], startMs: number, untilMs: number): boolean {
    let nowMs = startMs
    let busy = false
    let all = 0
    for (let idle = 0; idle < tasks.length && !this.#isFull();) {
      const task = tasks[this.#next % tasks.length] as Task
      this.#next = (this.#next + 1) % tasks.length
      const done = onBehalfOf(
        task.id,
        () =>
          task.fireTimers(nowMs, TIMERS_PER_SLICE, this.#isFull) +
          task.process(RECORDS_PER_SLICE, this.#isFull),
      )
      idle = done === 0 ? idle + 1 : 0
      if (done > 0) busy = true
      all += done
      const beganMs = nowMs
      nowMs = this.#clock.nowMs()
      if (done > 0) task.vitals.worked(nowMs, done, nowMs - beganMs)
      if (nowMs >= untilMs) break
    }
    if (busy) this.#work.add(nowMs, all, nowMs - startMs)
    return busy
  }
}
