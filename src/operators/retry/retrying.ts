import type { Headers } from '../../core/record.ts'
import type { OperatorContext, OperatorFactory } from '../../topology/processor.ts'
import { failedOnce, WaitingRoom, type Waiting } from '../waiting/waiting-room.ts'
import type { WaitingRecord } from '../waiting/waiting-record.ts'
import { Attempt } from './attempt.ts'
import { mayTryAgain, waitMs, type RetryPolicy } from './retry-policy.ts'

/** How many records of a key go on at once when the one before them is through. */
const DRAINED_AT_ONCE = 16

export interface Retrying extends RetryPolicy {
  /** `key`: later records of a key wait behind one that waits; `skip`: they pass it. */
  readonly order: 'key' | 'skip'
  readonly room: Omit<ConstructorParameters<typeof WaitingRoom>[1], 'clock'>
}

/**
 * A step whose records are tried again, where it fails, after a time. Meanwhile the record waits in
 * a store and its offset is passed. After the last attempt it has failed as any record may, with
 * its attempts counted.
 */
export const retrying =
  (create: OperatorFactory, options: Retrying): OperatorFactory =>
  (context) => {
    const step = new RetriedStep(create, options, context)
    return {
      process: (key, value, timestampMs, headers) => step.process(key, value, timestampMs, headers),
      close: () => step.close(),
    }
  }

class RetriedStep {
  readonly #context: OperatorContext
  readonly #options: Retrying
  readonly #attempt: Attempt
  readonly #room: WaitingRoom

  constructor(create: OperatorFactory, options: Retrying, context: OperatorContext) {
    this.#context = context
    this.#options = options
    this.#attempt = new Attempt(create, context)
    this.#room = new WaitingRoom(
      context,
      { ...options.room, clock: 'wall-clock' },
      (due) => {
        const isDone = this.#tryAgain(due, due.place)
        if (isDone && this.#hasOrder(due.key)) this.#goOn(due.key)
      },
      (key) => this.#goOn(key),
    )
  }

  process(key: unknown, value: unknown, timestampMs: number, headers: Headers): void {
    const room = this.#room
    if (this.#hasOrder(key) && room.isWaiting(key)) {
      // That of the record that failed, or one to look at the queue.
      room.queue(key, () => room.record(key, value, timestampMs, headers), { timers: 1 })
      return
    }
    try {
      this.#attempt.try(key, value, timestampMs, headers)
    } catch (error) {
      if (!mayTryAgain(this.#options, error, 1)) throw error
      this.#wait(key ?? null, room.record(key ?? null, value, timestampMs, headers))
      return
    }
    this.#attempt.send()
  }

  close(): void {
    this.#attempt.close()
  }

  /** A record without a key has no order. */
  #hasOrder(key: unknown): boolean {
    return this.#options.order === 'key' && key !== null && key !== undefined
  }

  /** False when the record has to wait again. */
  #tryAgain(waiting: Waiting, place?: string): boolean {
    const { key, stored } = waiting
    let isDone = true
    this.#room.resume(waiting, (value, attempts) => {
      try {
        this.#attempt.try(key, value, stored.timestampMs, stored.headers)
      } catch (error) {
        if (!mayTryAgain(this.#options, error, attempts)) throw error
        this.#wait(key, stored, place)
        isDone = false
        return
      }
      this.#attempt.send()
    })
    return isDone
  }

  /** A record that has just failed. */
  #wait(key: unknown, record: WaitingRecord, place?: string): void {
    this.#context.recordRetried()
    const nowMs = this.#context.wallClockMs()
    const failed = failedOnce(record, nowMs)
    const delayMs = waitMs(this.#options, failed.sources.at(-1)!, failed.attempts)
    this.#room.wait(key, failed, nowMs + delayMs, place)
  }

  /** With the records that have waited behind another one of their key. */
  #goOn(key: unknown): void {
    let isWaiting = false
    const hasMore = this.#room.drain(key, DRAINED_AT_ONCE, (waiting) => {
      if (isWaiting) return false
      isWaiting = !this.#tryAgain(waiting)
      return true
    })
    // The others take their turn after whatever else is due.
    if (hasMore && !isWaiting) this.#room.lookAt(key, this.#context.wallClockMs())
  }
}
