import type { Headers } from '../../core/record.ts'
import type { KeyValueStore } from '../../state/store.ts'
import type { TimerClock } from '../../state/timer-store.ts'
import type { Operator, OperatorContext, OperatorFactory } from '../../topology/processor.ts'
import type { WaitingRecord } from '../waiting/waiting-record.ts'
import { WaitingRoom, type WaitingRoomOptions } from '../waiting/waiting-room.ts'
import { IdleRows } from './idle-rows.ts'
import { TokenBuckets, type Bucket, type Rate } from './token-bucket.ts'

/** How many records of a key go on at once when their time has come. */
const DRAINED_AT_ONCE = 16
/** Between two looks for buckets that are full again. */
const LOOK_INTERVAL_MS = 1_000
/** So long a bucket is full before it is forgotten: a key in use would come back at once. */
const FULL_FOR_MS = 10_000

export const overflowOutput = 'overflow'

export interface RateLimit extends Rate {
  /** The store of the buckets. */
  readonly store: string
  readonly clock: TimerClock
  readonly overflow: 'drop' | 'side-output' | 'delay' | 'block'
  /** Where records wait; for `delay` and `block`. */
  readonly room: Omit<WaitingRoomOptions, 'clock'> | undefined
}

/**
 * Lets so many records of a key pass in a period. A record without a key is left out. The bucket of
 * each key is in a store, so that a restart does not fill it.
 */
export const rateLimit =
  (limit: RateLimit): OperatorFactory =>
  (context) => {
    const gate = new Gate(limit, context)
    switch (limit.overflow) {
      case 'drop': {
        const drop = (): void => context.recordDropped('a record over its rate limit')
        return passing(context, gate, drop)
      }
      case 'side-output':
        return passing(context, gate, context.emitTo(overflowOutput))
      case 'delay':
      case 'block':
        return waiting(context, gate, limit)
    }
  }

/** The buckets of a task. */
class Gate {
  readonly nowMs: () => number
  readonly #rows: KeyValueStore<unknown, Bucket>
  readonly #buckets: TokenBuckets
  readonly #idle: IdleRows<unknown, Bucket>

  constructor(limit: RateLimit, context: OperatorContext) {
    const { store, clock } = limit
    this.nowMs = clock === 'event-time' ? context.streamTimeMs : context.wallClockMs
    this.#rows = context.store<unknown, Bucket>(store)
    this.#buckets = new TokenBuckets(limit)
    this.#idle = new IdleRows(this.#rows, (bucket) =>
      this.#buckets.isFull(bucket, this.nowMs() - FULL_FOR_MS),
    )
    // For when no new keys come; event time may fly.
    context.schedule(LOOK_INTERVAL_MS, 'wall-clock', () => this.#idle.look())
  }

  /** Takes what a record costs; else says when the key may have the next one. */
  pass(key: unknown): number | undefined {
    const before = this.#rows.get(key)
    const bucket = this.#buckets.at(before, this.nowMs())
    const after = this.#buckets.less(bucket)
    if (after === undefined) return this.#buckets.nextMs(bucket)
    this.#rows.put(key, after)
    if (before === undefined) this.#idle.added()
    return undefined
  }
}

type Give = (key: unknown, value: unknown, timestampMs: number, headers: Headers) => void

function passing(context: OperatorContext, gate: Gate, otherwise: Give): Operator {
  const { emit } = context
  return withKeys(context, (key, value, timestampMs, headers) => {
    const isOver = gate.pass(key) !== undefined
    if (isOver) context.recordLimited()
    const give = isOver ? otherwise : emit
    give(key, value, timestampMs, headers)
  })
}

function waiting(context: OperatorContext, gate: Gate, limit: RateLimit): Operator {
  const { emit } = context
  const isBlocking = limit.overflow === 'block'
  let letGo: (() => void) | undefined
  const goOn = (key: unknown): void => {
    let nextMs: number | undefined
    const hasMore = room.drain(key, DRAINED_AT_ONCE, (each) => {
      nextMs = gate.pass(key)
      if (nextMs !== undefined) return false
      const { timestampMs, headers } = each.stored
      room.resume(each, (value) => emit(key, value, timestampMs, headers))
      return true
    })
    if (hasMore) room.lookAt(key, nextMs ?? gate.nowMs())
    if (!room.isEmpty) return
    letGo?.()
    letGo = undefined
  }
  const options = { ...limit.room!, clock: limit.clock }
  const room = new WaitingRoom(context, options, ({ key }) => goOn(key), goOn)
  const hold = (): void => {
    if (isBlocking) letGo ??= context.holdInput()
  }
  if (!room.isEmpty) hold()
  return withKeys(context, (key, value, timestampMs, headers) => {
    const isBehind = room.isWaiting(key)
    const nextMs = isBehind ? undefined : gate.pass(key)
    if (!isBehind && nextMs === undefined) {
      emit(key, value, timestampMs, headers)
      return
    }
    context.recordLimited()
    const timers = isBehind ? 1 : 0
    const record = (): WaitingRecord => room.record(key, value, timestampMs, headers)
    room.queue(key, record, { timers, looks: timers })
    if (nextMs !== undefined) room.lookAt(key, nextMs)
    hold()
  })
}

const withKeys = ({ recordDropped }: OperatorContext, process: Give): Operator => ({
  process: (key, value, timestampMs, headers) => {
    if (key === null || key === undefined) recordDropped('null key in a rate limit')
    else process(key, value, timestampMs, headers)
  },
})
