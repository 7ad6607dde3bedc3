import type { Headers, Meta } from '../../core/record.ts'
import type { Serde } from '../../serde/serde.ts'
import type { Progressive, RecordRows } from '../../state/window-store.ts'
import type { Emit, Operator, OperatorContext, OperatorFactory } from '../../topology/processor.ts'
import { lateSink, type WindowAggregation } from '../window/windowing.ts'
import type { KeptSides } from './table-table-join.ts'
import { Unmatched } from './unmatched.ts'

export type Side = keyof KeptSides

/** A right record joins a left one when it is at most so much earlier or later than that one. */
export interface JoinWindow {
  readonly beforeMs: number
  readonly afterMs: number
  /** How much longer, in stream time, a record without a partner waits for one. */
  readonly graceMs: number
}

/** Makes a value of two; a side without a record is null. */
export type RecordJoiner = (left: never, right: never, meta: Meta<never>) => unknown

export interface StreamJoin {
  readonly window: JoinWindow
  /** Whose records are given without a partner too. */
  readonly kept: KeptSides
  readonly joiner: RecordJoiner
  /** Of the keys, and of each side's values. */
  readonly serdes: { readonly key: Serde<unknown> } & Readonly<Record<Side, Serde<unknown>>>
  /** Where each side's records are. */
  readonly records: Readonly<Record<Side, string>>
  /** Where records wait that had no partner yet, for each side that is kept. */
  readonly unmatched: Readonly<Partial<Record<Side, string>>>
  /** The least wall-clock time between two looks for what waited in vain; undefined: the usual. */
  readonly emitIntervalMs: number | undefined
  readonly late: Readonly<Record<Side, WindowAggregation<never, never, never>['late']>>
}

/**
 * The two steps of a join of two streams by key and time (Kafka Streams' KStreamKStreamJoin). A
 * record is joined with what the other side's store can still show, then kept for those to come.
 * No record is too late for that by itself. One that finds nothing, on a side that is kept, waits
 * for a partner until its window has closed, and is then given without one.
 */
export function streamJoin(join: StreamJoin): Readonly<Record<Side, OperatorFactory>> {
  const isOuter = join.kept.left || join.kept.right
  /** What both steps of a task share. */
  const shared = new WeakMap<object, Unmatched>()
  const unmatchedOf = (context: OperatorContext): Unmatched => {
    const { progress } = recordRows(context, join.records.left)
    const known = shared.get(progress) ?? new Unmatched(context, progress, join)
    shared.set(progress, known)
    return known
  }
  const stepOf =
    (side: Side): OperatorFactory =>
    (context) =>
      new JoinSide(context, join, side, isOuter ? unmatchedOf(context) : undefined)
  return { left: stepOf('left'), right: stepOf('right') }
}

const recordRows = (context: OperatorContext, store: string) =>
  context.store(store) as unknown as RecordRows<unknown, unknown> & Progressive

/** One side of a join: its records meet those of the other side. */
class JoinSide implements Operator {
  readonly #context: OperatorContext
  readonly #mine: RecordRows<unknown, unknown>
  readonly #partners: RecordRows<unknown, unknown>
  readonly #unmatched: Unmatched | undefined
  readonly #isLeft: boolean
  readonly #joiner: (left: unknown, right: unknown, meta: Meta) => unknown
  readonly #isKept: boolean
  readonly #partnersWait: boolean
  /** How far back and forth, from a record of this side, its partners are. */
  readonly #backMs: number
  readonly #forthMs: number
  readonly #emitLate: Emit
  // The record that is being joined: a callback made once is no allocation for each.
  #key: unknown
  #value: unknown
  #timestampMs = 0
  #headers!: Headers

  constructor(
    context: OperatorContext,
    { window, kept, joiner, records, late }: StreamJoin,
    side: Side,
    unmatched: Unmatched | undefined,
  ) {
    const other: Side = side === 'left' ? 'right' : 'left'
    this.#context = context
    this.#mine = recordRows(context, records[side])
    this.#partners = recordRows(context, records[other])
    this.#unmatched = unmatched
    this.#isLeft = side === 'left'
    this.#joiner = joiner as (left: unknown, right: unknown, meta: Meta) => unknown
    this.#isKept = kept[side]
    this.#partnersWait = kept[other]
    this.#backMs = side === 'left' ? window.beforeMs : window.afterMs
    this.#forthMs = side === 'left' ? window.afterMs : window.beforeMs
    this.#emitLate = lateSink(context, late[side])
  }

  readonly process: Emit = (key, value, timestampMs, headers) => {
    const unmatched = this.#unmatched
    unmatched?.advance(timestampMs)
    this.#key = key
    this.#value = value
    this.#timestampMs = timestampMs
    this.#headers = headers
    if (key === null || key === undefined || value === null || value === undefined) {
      this.#withoutKeyOrValue()
      return
    }
    unmatched?.emitClosed(timestampMs, this.#forthMs, headers)
    const lastMs = Math.max(0, timestampMs + this.#forthMs)
    const firstMs = Math.max(0, timestampMs - this.#backMs)
    const found = this.#partners.each(key, firstMs, lastMs, this.#joinWith)
    if (!found && this.#isKept) this.#withoutPartner(lastMs)
    const isSeen = this.#mine.add(key, timestampMs, value)
    if (!isSeen && !found && !this.#isKept) {
      this.#context.recordDropped('record for a join window that has closed', 'late')
      this.#emitLate(key, value, timestampMs, headers)
    }
  }

  /** Nothing can be its partner: on a side that is kept, a record without a key stands alone. */
  #withoutKeyOrValue(): void {
    const isRecord = this.#value !== null && this.#value !== undefined
    if (this.#isKept && isRecord) this.#emitJoined(null, this.#timestampMs)
    else this.#context.recordDropped('null key or value in a join')
  }

  readonly #joinWith = (partner: unknown, partnerMs: number): void => {
    this.#emitJoined(partner, Math.max(this.#timestampMs, partnerMs))
    if (this.#partnersWait) {
      this.#unmatched?.forget(this.#isLeft ? 'right' : 'left', this.#key, partnerMs)
    }
  }

  #withoutPartner(lastMs: number): void {
    const unmatched = this.#unmatched
    // As in Kafka Streams: it is not waited for grace where the time of its partners has passed.
    if (unmatched === undefined || lastMs < unmatched.streamTimeMs) {
      this.#emitJoined(null, this.#timestampMs)
    } else unmatched.add(this.#isLeft ? 'left' : 'right', this.#key, this.#timestampMs, this.#value)
  }

  #emitJoined(partner: unknown, resultMs: number): void {
    const { meta, emit } = this.#context
    const key = this.#key
    const [left, right] = this.#isLeft ? [this.#value, partner] : [partner, this.#value]
    emit(
      key,
      this.#joiner(left, right, meta.at(key, resultMs, this.#headers)),
      resultMs,
      this.#headers,
    )
  }
}
