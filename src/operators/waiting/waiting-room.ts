import { StreamsError } from '../../core/errors.ts'
import type { Headers } from '../../core/record.ts'
import type { TimerClock, TimerStore } from '../../state/timer-store.ts'
import type { OperatorContext, Waited } from '../../topology/processor.ts'
import { keyIdentity } from './key-identity.ts'
import { KnownQueues } from './known-queues.ts'
import { RecordsAtHand, type WaitingPlace } from './record-at-hand.ts'
import type { WaitingRecord } from './waiting-record.ts'

export interface WaitingRoomOptions extends WaitingPlace {
  /** How many records of a key may wait. */
  readonly limit: number
  readonly clock: TimerClock
}

/** A record that a step was given, as it was before it waited. */
export interface Waiting {
  readonly key: unknown
  readonly stored: WaitingRecord
}

/** A record that waits and came due. */
export interface Due extends Waiting {
  /** To wait again in the same place. */
  readonly place: string
}

/** No clock comes there. */
const PARKED_MS = Number.MAX_SAFE_INTEGER

/** The timer of a key whose queue is to be looked at; no record waits in it. */
const QUEUE_TIMER = ''

/**
 * Where records of a step wait, in the order of their key or for a time: durable, since they are in
 * a store with the bytes of what they came from, and offsets move on without them. While nothing
 * waits it costs a comparison a record.
 */
export class WaitingRoom {
  readonly #context: OperatorContext
  readonly #options: WaitingRoomOptions
  readonly #atHand: RecordsAtHand
  readonly #store: TimerStore<unknown>
  readonly #queues = new KnownQueues()

  /** `onDue` is given each record whose time has come, `onQueue` each key to be looked at. */
  constructor(
    context: OperatorContext,
    options: WaitingRoomOptions,
    onDue: (due: Due) => void,
    onQueue: (key: unknown) => void,
  ) {
    this.#context = context
    this.#options = options
    this.#atHand = new RecordsAtHand(context, options)
    this.#store = context.timers<unknown>(options.store, ({ key, name: place, payload }) => {
      if (place === QUEUE_TIMER) onQueue(key)
      else onDue({ key, stored: this.#atHand.decode(key, payload), place })
    })
  }

  /** Whether nothing waits at all. */
  get isEmpty(): boolean {
    return this.#store.nextMs(this.#options.clock) === Infinity
  }

  /** Whether a record of the key has to wait behind others, or the timer that they wait for. */
  isWaiting(key: unknown): boolean {
    return !this.isEmpty && this.#store.count(key) > 0
  }

  /** The record that is at hand, which nobody has tried so far. */
  record(key: unknown, value: unknown, timestampMs: number, headers: Headers): WaitingRecord {
    const nowMs = this.#context.wallClockMs()
    return this.#atHand.record(key, value, timestampMs, headers, nowMs)
  }

  /** It comes due at that time. */
  wait(key: unknown, record: WaitingRecord, atMs: number, place = this.#store.nextPlace()): void {
    this.#store.set(key, place, atMs, this.#options.clock, this.#atHand.encode(key, record))
  }

  /** It does not come due, but is there after a crash, until it is taken out. */
  park(key: unknown, record: WaitingRecord, place: string): void {
    this.wait(key, record, PARKED_MS, place)
  }

  takeOut(key: unknown, place: string): void {
    this.#store.unset(key, place, PARKED_MS, this.#options.clock)
  }

  /** A place that was never given before. */
  nextPlace(): string {
    return this.#store.nextPlace()
  }

  /** What was parked comes due now: whoever had parked it is no more. */
  releaseParked(): void {
    const { clock } = this.#options
    for (const { key, name, payload } of [...this.#store.from(clock, PARKED_MS)]) {
      this.#store.unset(key, name, PARKED_MS, clock)
      this.#store.set(key, name, 0, clock, payload)
    }
  }

  /** How many records of the key wait, or are parked. */
  count(key: unknown): number {
    return this.#store.count(key)
  }

  /**
   * Puts it behind what waits of the key already; throws `QUEUE_FULL`. `timers`: how many the key
   * has, if that is known; `looks`: how many of those are of `lookAt`.
   */
  queue(
    key: unknown,
    record: () => WaitingRecord,
    { timers, looks = 0 }: { readonly timers?: number; readonly looks?: number } = {},
  ): void {
    const { limit, store } = this.#options
    const count = this.#store.count(key)
    if (count - looks >= limit) {
      throw new StreamsError('QUEUE_FULL', {
        message: `${limit} records of a key wait in store "${store}", and there came one more`,
        hint: 'Find out why that key is held up, or let more of them wait with `limit`.',
      })
    }
    const payload = this.#atHand.encode(key, record())
    const place = this.#store.append(key, payload)
    this.#queues.push(this.#identity(key), { place, payload }, count === timers)
  }

  /** Calls `onQueue` with the key at that time. */
  lookAt(key: unknown, atMs: number): void {
    this.#store.set(key, QUEUE_TIMER, atMs, this.#options.clock)
  }

  /**
   * Takes records out of the key's queue, at most so many, while `take` answers true for the one it
   * is given, which is then still in its place. Returns whether any are left.
   */
  drain(key: unknown, max: number, take: (waiting: Waiting) => boolean): boolean {
    const identity = this.#identity(key)
    // A range is read before the store is changed.
    const queue = this.#queues.of(identity) ?? this.#store.queue(key)
    const head = [...firstOf(queue, max)]
    for (const { place, payload } of head) {
      if (!take({ key, stored: this.#atHand.decode(key, payload) })) return true
      this.#store.remove(key, place)
      this.#queues.shift(identity)
    }
    return head.length === max && this.#store.count(key) > 0
  }

  #identity(key: unknown): unknown {
    return keyIdentity(key, this.#options.key)
  }

  /** Goes on with a record as though it had just been read, once more. */
  resume({ stored }: Waiting, work: (value: unknown, attempts: number) => void): void {
    const waited = waitedAs(stored)
    this.#context.resume(waited, () => {
      // What cannot be read is a failure of the record too.
      work(this.#atHand.valueOf(stored), waited.attempts)
    })
  }
}

/** For `resume`: the record, tried once more. */
export function waitedAs({ sources, attempts, sinceMs }: WaitingRecord): Waited {
  return {
    records: () => sources,
    at: sources.at(-1)!,
    attempts: attempts + 1,
    firstFailedAtMs: attempts === 0 ? undefined : sinceMs,
  }
}

/** After another attempt that was in vain. */
export const failedOnce = (record: WaitingRecord, nowMs: number): WaitingRecord => ({
  ...record,
  attempts: record.attempts + 1,
  sinceMs: record.attempts === 0 ? nowMs : record.sinceMs,
})

function* firstOf<T>(items: Iterable<T>, max: number): Generator<T, undefined> {
  let left = max
  for (const item of items) {
    if (left-- === 0) return
    yield item
  }
}
