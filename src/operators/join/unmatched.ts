import { hasPassed } from '../../core/has-passed.ts'
import type { Headers, Meta } from '../../core/record.ts'
import type { KeyValueStore } from '../../state/store.ts'
import type { Progress } from '../../state/window-store.ts'
import type { OperatorContext } from '../../topology/processor.ts'
import type { Side, StreamJoin } from './stream-stream-join.ts'
import { release, type ResultBytes } from '../waiting/released.ts'
import { leastFree, type WaitingKey } from './waiting-key.ts'

type Row = readonly [key: WaitingKey<unknown>, value: unknown]
type Joiner = (left: unknown, right: unknown, meta: Meta) => unknown

/**
 * The records of both sides of a join that have no partner yet, in one task. Kafka Streams looks
 * for those whose window has closed when a record moves stream time on, not more often than the
 * interval says, and not before the row at which its last look ended could have closed. All of it
 * decides in which order records come out, so it is the same here.
 */
export class Unmatched {
  readonly #context: OperatorContext
  readonly #progress: Progress
  readonly #joiner: Joiner
  readonly #serdes: StreamJoin['serdes']
  readonly #graceMs: number
  readonly #intervalMs: number
  readonly #left: Waiting | undefined
  readonly #right: Waiting | undefined
  #lookedMs = -Infinity
  /** Since when something waits, as Kafka Streams has it; Infinity: nothing does. */
  #sinceMs: number

  /** `progress` is that of a store of the join, which keeps its stream time. */
  constructor(context: OperatorContext, progress: Progress, join: StreamJoin) {
    const { window, unmatched } = join
    const { left, right } = unmatched
    this.#context = context
    this.#progress = progress
    this.#joiner = join.joiner as Joiner
    this.#serdes = join.serdes
    this.#graceMs = window.graceMs
    this.#intervalMs = join.emitIntervalMs ?? context.closeIntervalMs
    this.#left = left === undefined ? undefined : new Waiting(context, left, window.afterMs)
    this.#right = right === undefined ? undefined : new Waiting(context, right, window.beforeMs)
    const { closedMs } = progress
    this.#sinceMs = closedMs < 0 ? Infinity : closedMs
  }

  get streamTimeMs(): number {
    return this.#progress.streamTimeMs
  }

  advance(timestampMs: number): void {
    if (timestampMs > this.#progress.streamTimeMs) this.#progress.streamTimeMs = timestampMs
  }

  add(side: Side, key: unknown, timestampMs: number, value: unknown): void {
    if (timestampMs < this.#sinceMs) this.#waitsSince(timestampMs)
    this.#of(side)?.add(key, timestampMs, value)
  }

  /** Kept with the records, so that a restart changes nothing (Kafka Streams forgets it). */
  #waitsSince(timeMs: number): void {
    this.#sinceMs = timeMs
    this.#progress.closedMs = timeMs === Infinity ? -1 : timeMs
  }

  /** It has found a partner. */
  forget(side: Side, key: unknown, timestampMs: number): void {
    this.#of(side)?.forget(key, timestampMs)
  }

  #of(side: Side): Waiting | undefined {
    return side === 'left' ? this.#left : this.#right
  }

  /** `forthMs`: how far forth the partners are of a record like that which is being processed. */
  emitClosed(timestampMs: number, forthMs: number, headers: Headers): void {
    const { streamTimeMs } = this.#progress
    if (timestampMs !== streamTimeMs) return
    const keptMs = forthMs + this.#graceMs
    // Where nothing waits the sum is too large for Java, and becomes negative, unless it is of 0.
    const mayClose = this.#sinceMs === Infinity ? keptMs > 0 : this.#sinceMs + keptMs < streamTimeMs
    if (!mayClose) return
    const nowMs = this.#context.wallClockMs()
    if (!hasPassed(this.#intervalMs, this.#lookedMs, nowMs)) return
    this.#lookedMs = nowMs
    this.#emitAll(streamTimeMs - this.#graceMs, headers)
  }

  /** In the order of time, then right before left, then by key. */
  #emitAll(closeMs: number, headers: Headers): void {
    const lefts = this.#left?.closedAt(closeMs)
    const rights = this.#right?.closedAt(closeMs)
    let left = nextOf(lefts)
    let right = nextOf(rights)
    let lastMs = -Infinity
    while (left !== undefined || right !== undefined) {
      const isRight =
        left === undefined || (right !== undefined && right[0].timestampMs <= left[0].timestampMs)
      const [key, value] = (isRight ? right : left) as Row
      lastMs = key.timestampMs
      const waiting = (isRight ? this.#right : this.#left) as Waiting
      // Before the joiner is called: one that fails for it should fail once, not with each record.
      waiting.rows.put(key, null)
      this.#emit(key, isRight ? 'right' : 'left', value, headers)
      if (isRight) right = nextOf(rights)
      else left = nextOf(lefts)
    }
    this.#waitsSince(this.#endOfScan(closeMs, lastMs))
  }

  #emit(
    { key, timestampMs }: WaitingKey<unknown>,
    side: Side,
    value: unknown,
    headers: Headers,
  ): void {
    const { meta, emit } = this.#context
    const [left, right] = side === 'left' ? [value, null] : [null, value]
    const bytes = (): ResultBytes => ({
      key: this.#serdes.key.serialize(key),
      value: this.#serdes[side].serialize(value),
      timestampMs,
      headers,
    })
    release(this.#context, meta, bytes, () => {
      const result = this.#joiner(left, right, meta.at(key, timestampMs, headers))
      emit(key, result, timestampMs, headers)
    })
  }

  /**
   * The time of the row at which Kafka Streams' scan ends: the one after the first that is open on
   * each side, or the last one of all. It takes that for the least time that something waits since,
   * though it is not, and looks no sooner than that would close.
   */
  #endOfScan(closeMs: number, lastEmittedMs: number): number {
    const left = this.#left?.firstOpen(closeMs)
    const right = this.#right?.firstOpen(closeMs)
    if (left === undefined || right === undefined) {
      const lastMs = Math.max(
        this.#left?.lastMs() ?? -Infinity,
        this.#right?.lastMs() ?? -Infinity,
        lastEmittedMs,
      )
      return lastMs === -Infinity ? Infinity : lastMs
    }
    const [firstMs, afterMs] =
      right <= left
        ? [left, this.#right?.firstFrom(left + 1)]
        : [right, this.#left?.firstFrom(right)]
    const secondMs = (right <= left ? this.#left : this.#right)?.secondFrom(firstMs)
    const nextMs = Math.min(secondMs ?? Infinity, afterMs ?? Infinity)
    return nextMs === Infinity ? firstMs : nextMs
  }
}

const nextOf = (rows: Iterator<Row, undefined> | undefined): Row | undefined => rows?.next().value

/** The records of one side that wait. */
class Waiting {
  readonly rows: KeyValueStore<WaitingKey<unknown>, unknown>
  readonly #forthMs: number
  /** Nothing waits that is later. */
  #latestMs: number

  constructor(context: OperatorContext, store: string, forthMs: number) {
    this.rows = context.store(store)
    this.#forthMs = forthMs
    this.#latestMs = this.lastMs() ?? -1
  }

  /** Records of one key and time are numbered; of a later time than all others it is the first. */
  add(key: unknown, timestampMs: number, value: unknown): void {
    const isFree = (number: number): boolean =>
      this.rows.get({ timestampMs, key, number }) === undefined
    const number = timestampMs > this.#latestMs ? 0 : leastFree(isFree)
    if (timestampMs > this.#latestMs) this.#latestMs = timestampMs
    this.rows.put({ timestampMs, key, number }, value, timestampMs)
  }

  forget(key: unknown, timestampMs: number): void {
    for (let number = 0; ; number++) {
      const waiting = { timestampMs, key, number }
      if (this.rows.get(waiting) === undefined) return
      this.rows.put(waiting, null)
    }
  }

  closedAt(closeMs: number): Iterator<Row, undefined> {
    return this.rows.range(null, startOf(closeMs - this.#forthMs))
  }

  firstOpen(closeMs: number): number | undefined {
    return this.firstFrom(closeMs - this.#forthMs)
  }

  firstFrom(timeMs: number): number | undefined {
    return timeOf(this.rows.range(startOf(timeMs), null))
  }

  secondFrom(timeMs: number): number | undefined {
    const rows = this.rows.range(startOf(timeMs), null)
    rows.next()
    return timeOf(rows)
  }

  lastMs(): number | undefined {
    return timeOf(this.rows.reverseRange(null, null))
  }
}

const startOf = (timeMs: number): WaitingKey<null> => ({
  timestampMs: Math.max(0, timeMs),
  key: null,
  number: 0,
})

function timeOf(rows: Iterator<Row, undefined>): number | undefined {
  const first = rows.next().value
  rows.return?.()
  return first?.[0].timestampMs
}
