import { crc32 } from 'node:zlib'
import { StreamsError } from '../../core/errors.ts'
import type { Headers } from '../../core/record.ts'
import type { OperatorContext, OperatorFactory } from '../../topology/processor.ts'
import { mayTryAgain, waitMs, type RetryPolicy } from '../retry/retry-policy.ts'
import type { WaitingRecord } from '../waiting/waiting-record.ts'
import {
  failedOnce,
  waitedAs,
  WaitingRoom,
  type Due,
  type WaitingRoomOptions,
} from '../waiting/waiting-room.ts'
import type { AsyncMeta } from './async-meta.ts'

/** A record finds no room for a call: it looks again after so long. */
const LOOK_AGAIN_MS = 10
/** How exactly a time-out is met. */
const TIMEOUT_CHECKS = 20
const TIMEOUT_CHECK_MS_MIN = 10

export interface AsyncMapping<K, V, V2> {
  readonly call: (value: V, meta: AsyncMeta<K>) => Promise<V2>
  /** How many calls of a task may be under way. */
  readonly concurrency: number
  readonly timeoutMs: number
  /** `key`: a record's call begins when that of the key's record before it has ended. */
  readonly order: 'key' | 'none'
  /** Undefined: a call that fails is the end of it. */
  readonly retry: RetryPolicy | undefined
  /** Of records of a key that wait for one another; at that number input is held up. */
  readonly waitingMax: number
  readonly room: Omit<WaitingRoomOptions, 'clock' | 'limit'>
}

interface Call {
  readonly key: unknown
  readonly stored: WaitingRecord
  readonly place: string
  readonly deadlineMs: number
  readonly abort: AbortController
  /** Ends the call; only the first time counts. */
  readonly finish: (work: () => void) => void
}

/**
 * A new value for each record, from a call that takes time. Until the result has gone on, the
 * record is in a store, so that offsets are passed and nothing is lost: after a crash what was
 * under way is called again. A result goes on in a turn of the task, with the record's timestamp
 * and headers, and in the transaction that takes the record out of the store.
 */
export const mapValuesAsync =
  <K, V, V2>(mapping: AsyncMapping<K, V, V2>): OperatorFactory =>
  (context) => {
    const step = new AsyncStep(mapping as AsyncMapping<unknown, unknown, unknown>, context)
    return {
      process: (key, value, timestampMs, headers) => step.process(key, value, timestampMs, headers),
      close: () => step.close(),
    }
  }

class AsyncStep {
  readonly #mapping: AsyncMapping<unknown, unknown, unknown>
  readonly #context: OperatorContext
  readonly #room: WaitingRoom
  readonly #calls = new Set<Call>()
  /** Keys that have too many records waiting; with the calls at their limit, why input is held. */
  readonly #crowded = new Set<unknown>()
  #release: (() => void) | undefined
  #lastSource = ''
  #sameSource = 0

  constructor(mapping: AsyncMapping<unknown, unknown, unknown>, context: OperatorContext) {
    this.#mapping = mapping
    this.#context = context
    const options: WaitingRoomOptions = { ...mapping.room, limit: Infinity, clock: 'wall-clock' }
    this.#room = new WaitingRoom(
      context,
      options,
      (due) => this.#onDue(due),
      () => {},
    )
    this.#room.releaseParked()
    const checkMs = Math.max(TIMEOUT_CHECK_MS_MIN, Math.ceil(mapping.timeoutMs / TIMEOUT_CHECKS))
    context.schedule(checkMs, 'wall-clock', () => this.#endOverdue())
  }

  process(key: unknown, value: unknown, timestampMs: number, headers: Headers): void {
    const room = this.#room
    const record = room.record(key, value, timestampMs, headers)
    const stored = { ...record, id: this.#idOf(record) }
    if (this.#hasOrder(key) && room.isWaiting(key)) {
      room.queue(key, () => stored)
      if (room.count(key) > this.#mapping.waitingMax) this.#crowded.add(key)
    } else if (this.#isFull) {
      room.wait(key ?? null, stored, this.#context.wallClockMs() + LOOK_AGAIN_MS)
    } else this.#begin(key ?? null, value, stored, room.nextPlace())
    this.#holdOrRelease()
  }

  close(): void {
    for (const { abort } of this.#calls) abort.abort(closed())
    this.#calls.clear()
  }

  get #isFull(): boolean {
    return this.#calls.size >= this.#mapping.concurrency
  }

  /** A record without a key has no order. */
  #hasOrder(key: unknown): boolean {
    return this.#mapping.order === 'key' && key !== null && key !== undefined
  }

  /** Names the record that it was read as, and tells what was made of one record apart. */
  #idOf({ sources, value }: WaitingRecord): string {
    const { topic, partition, offset } = sources.at(-1)!
    const source = `${topic}-${partition}-${offset}`
    this.#sameSource = source === this.#lastSource ? this.#sameSource + 1 : 0
    this.#lastSource = source
    const check = value === null ? 0 : crc32(value)
    return `${source}-${check.toString(16).padStart(8, '0')}-${this.#sameSource}`
  }

  #begin(key: unknown, value: unknown, stored: WaitingRecord, place: string): void {
    const { call, timeoutMs } = this.#mapping
    this.#room.park(key, stored, place)
    const abort = new AbortController()
    const deadlineMs = this.#context.wallClockMs() + timeoutMs
    const begun: Call = { key, stored, place, deadlineMs, abort, finish: this.#context.later() }
    this.#calls.add(begun)
    const { topic, partition, offset } = stored.sources.at(-1)!
    const { timestampMs, headers, attempts, id: idempotencyKey } = stored
    const { signal } = abort
    const record = { key, timestampMs, headers, topic, partition, offset }
    const meta: AsyncMeta = { ...record, attempt: attempts + 1, idempotencyKey, signal }
    // What a call throws at once is a call that failed.
    new Promise((resolve) => resolve(call(value, meta))).then(
      (result) => begun.finish(() => this.#succeeded(begun, result)),
      (error: unknown) => begun.finish(() => this.#failed(begun, error)),
    )
  }

  #succeeded(call: Call, result: unknown): void {
    const { key, stored } = call
    this.#end(call)
    this.#goOnWith(call, () => {
      this.#context.emit(key, result, stored.timestampMs, stored.headers)
    })
    this.#next(key)
  }

  #failed(call: Call, error: unknown): void {
    const { key, stored, place } = call
    const { retry } = this.#mapping
    const attempts = stored.attempts + 1
    this.#end(call)
    if (retry === undefined || !mayTryAgain(retry, error, attempts)) {
      this.#goOnWith(call, () => {
        throw error
      })
      this.#next(key)
      return
    }
    this.#context.recordRetried()
    const nowMs = this.#context.wallClockMs()
    const atMs = nowMs + waitMs(retry, stored.sources.at(-1)!, attempts)
    this.#room.wait(key, failedOnce(stored, nowMs), atMs, place)
    this.#holdOrRelease()
  }

  #end(call: Call): void {
    this.#calls.delete(call)
    this.#room.takeOut(call.key, call.place)
  }

  #goOnWith({ stored }: Call, work: () => void): void {
    this.#context.resume(waitedAs(stored), work)
  }

  /** There is room for a call: the key's next record has waited for it. */
  #next(key: unknown): void {
    if (this.#hasOrder(key) && !this.#isFull) {
      // One that cannot be read is passed over.
      while (this.#takeOne(key) === 'set aside') {}
      if (this.#room.count(key) <= this.#mapping.waitingMax) this.#crowded.delete(key)
    }
    this.#holdOrRelease()
  }

  /** What became of the first of the key's records that wait. */
  #takeOne(key: unknown): 'begun' | 'set aside' | undefined {
    const taken: ('begun' | 'set aside')[] = []
    this.#room.drain(key, 1, ({ stored }) => {
      const begun = this.#tryToBegin({ key, stored, place: this.#room.nextPlace() })
      taken.push(begun ? 'begun' : 'set aside')
      return true
    })
    return taken[0]
  }

  /** A record whose time to wait is over, or that was under way when the task was closed. */
  #onDue(due: Due): void {
    if (this.#isFull) {
      const atMs = this.#context.wallClockMs() + LOOK_AGAIN_MS
      this.#room.wait(due.key, due.stored, atMs, due.place)
    } else if (!this.#tryToBegin(due)) this.#next(due.key)
    this.#holdOrRelease()
  }

  /** False where the record cannot be read, and was set aside. */
  #tryToBegin(due: Due): boolean {
    let begun = false
    this.#room.resume(due, (value) => {
      this.#begin(due.key, value, due.stored, due.place)
      begun = true
    })
    return begun
  }

  #endOverdue(): void {
    const nowMs = this.#context.wallClockMs()
    for (const call of this.#calls) {
      if (call.deadlineMs > nowMs) continue
      const error = tookTooLong(this.#context.nodeName, this.#mapping.timeoutMs)
      call.finish(() => this.#failed(call, error))
      call.abort.abort(error)
    }
  }

  #holdOrRelease(): void {
    if (this.#isFull || this.#crowded.size > 0) {
      this.#release ??= this.#context.holdInput()
    } else if (this.#release !== undefined) {
      this.#release()
      this.#release = undefined
    }
  }
}

const tookTooLong = (node: string, timeoutMs: number): StreamsError =>
  new StreamsError('PROCESSING_FAILED', {
    message: `a call of step "${node}" has no answer after ${timeoutMs} ms`,
    hint: 'Find out why what is called is slow, give it more time, or retry.',
  })

const closed = (): StreamsError =>
  new StreamsError('TASK_MIGRATED', {
    message: 'the task was closed while a call was under way',
    hint: 'Nothing: the call is made again where the task runs next.',
  })
