import { messageOf, StreamsError } from '../../core/errors.ts'
import type { Headers, RawRecord } from '../../core/record.ts'
import type { Serde } from '../../serde/serde.ts'
import type { DueTimer, TimerClock, TimerStore } from '../../state/timer-store.ts'
import type { OperatorContext, Waited } from '../../topology/processor.ts'
import { decodeWaiting, encodeWaiting, type WaitingRecord } from './waiting-record.ts'

export interface WaitingRoomOptions {
  /** A store that the step declared with `waitingStore`, by nullable keys. */
  readonly store: string
  /** The store's own. */
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
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
  readonly #store: TimerStore<unknown>

  /** `onDue` is given each record whose time has come, `onQueue` each key to be looked at. */
  constructor(
    context: OperatorContext,
    options: WaitingRoomOptions,
    onDue: (due: Due) => void,
    onQueue: (key: unknown) => void,
  ) {
    this.#context = context
    this.#options = options
    this.#store = context.timers<unknown>(options.store, (timer) => {
      if (timer.name === QUEUE_TIMER) onQueue(timer.key)
      else onDue(this.#due(timer))
    })
  }

  /** Whether a record of the key has to wait behind others, or the timer that they wait for. */
  isWaiting(key: unknown): boolean {
    const { clock } = this.#options
    return this.#store.nextMs(clock) !== Infinity && this.#store.count(key) > 0
  }

  /** The record that is at hand, to be given a place. */
  record(
    key: unknown,
    value: unknown,
    timestampMs: number,
    headers: Headers,
    tried: Pick<WaitingRecord, 'attempts' | 'firstFailedAtMs'>,
    id = '',
  ): WaitingRecord {
    const bytes = this.#valueBytes(value)
    const sources = this.#context.sources()
    if (sources.length > 0) return { value: bytes, timestampMs, headers, sources, id, ...tried }
    const { topic, partition, offset } = this.#context.meta
    const own = { topic, partition, offset, key: this.#keyBytes(key) }
    const source: RawRecord = { ...own, value: bytes, timestampMs, headers }
    return { value: bytes, timestampMs, headers, sources: [source], id, ...tried }
  }

  /** It comes due at that time. */
  wait(key: unknown, record: WaitingRecord, atMs: number, place = this.#store.nextPlace()): void {
    const { clock } = this.#options
    this.#store.set(key, place, atMs, clock, encodeWaiting(this.#keyBytes(key), record))
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

  /** Behind what waits of the key already; throws `QUEUE_FULL`. */
  queue(key: unknown, record: WaitingRecord): void {
    const { limit, store } = this.#options
    if (this.#store.count(key) >= limit) {
      throw new StreamsError('QUEUE_FULL', {
        message: `${limit} records of a key wait in store "${store}", and there came one more`,
        hint: 'Find out why that key is held up, or let more of them wait with `limit`.',
      })
    }
    this.#store.append(key, encodeWaiting(this.#keyBytes(key), record))
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
    // A range is read before the store is changed.
    const head = [...firstOf(this.#store.queue(key), max)]
    for (const { place, payload } of head) {
      if (!take(this.#waiting(key, payload))) return true
      this.#store.remove(key, place)
    }
    return head.length === max && this.#store.count(key) > 0
  }

  /** Goes on with a record as though it had just been read, once more. */
  resume({ stored }: Waiting, work: (value: unknown, attempts: number) => void): void {
    const attempts = stored.attempts + 1
    const { sources: records, firstFailedAtMs } = stored
    const waited: Waited = { records, attempts, firstFailedAtMs }
    this.#context.resume(waited, () => {
      // What cannot be read is a failure of the record too.
      const value = stored.value && this.#options.value.deserialize(stored.value)
      work(value, attempts)
    })
  }

  #due(timer: DueTimer<unknown>): Due {
    return { ...this.#waiting(timer.key, timer.payload), place: timer.name }
  }

  #waiting(key: unknown, payload: Uint8Array): Waiting {
    return { key, stored: decodeWaiting(this.#keyBytes(key), payload) }
  }

  #keyBytes(key: unknown): Uint8Array {
    // Without the byte in front that tells null from the others.
    return this.#options.key.serialize(key).subarray(1)
  }

  #valueBytes(value: unknown): Uint8Array | null {
    if (value === null || value === undefined) return null
    const { value: serde, store } = this.#options
    try {
      return serde.serialize(value)
    } catch (error) {
      throw new StreamsError('SERDE_FAILED', {
        message: `a record cannot wait in store "${store}": ${messageOf(error)}`,
        hint: 'Give the step a serde for the values that it is given.',
        cause: error,
      })
    }
  }
}

function* firstOf<T>(items: Iterable<T>, max: number): Generator<T, undefined> {
  let left = max
  for (const item of items) {
    if (left-- === 0) return
    yield item
  }
}
