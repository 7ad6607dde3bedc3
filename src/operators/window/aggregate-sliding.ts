import type { Headers, Meta } from '../../core/record.ts'
import type { Windowed } from '../../serde/windowed-key.ts'
import type { ValueAndTimestamp } from '../../state/store.ts'
import type { Progressive, WindowStore } from '../../state/window-store.ts'
import type { OperatorContext, OperatorFactory } from '../../topology/processor.ts'
import type { TableStore } from '../table-store.ts'
import { closing } from './closing.ts'
import { idleClose } from './idle-close.ts'
import type { SlidingWindows } from './windows.ts'
import { lateSink, streamTimeOf, windowUpdate, type WindowAggregation } from './windowing.ts'

/**
 * Folds the records of each key and sliding window into one value (Kafka Streams'
 * KStreamSlidingWindowAggregate, KIP-450): there is a window for each set of records that are not
 * further apart than the difference. A null key or value is left out.
 */
export const aggregateSliding =
  <K, V, A>(windows: SlidingWindows, aggregation: WindowAggregation<K, V, A>): OperatorFactory =>
  (context) => {
    const { recordDropped } = context
    const { differenceMs, graceMs } = windows
    const { late } = aggregation
    const emitLate = lateSink(context, late)
    const rows = context.store(aggregation.store) as unknown as WindowStore<K, A> & Progressive
    const { progress, fetchAll } = rows
    const time = streamTimeOf(rows, aggregation)
    const step = new SlidingStep<K, V, A>(context, windows, aggregation, rows)
    const closed = closing<K, A>(context, {
      progress,
      serdes: aggregation.serdes,
      emitIntervalMs: aggregation.emitIntervalMs ?? context.closeIntervalMs,
      closedBetween: (closedMs, closeMs) =>
        fetchAll(Math.max(0, closedMs - differenceMs), closeMs - differenceMs - 1),
      timestampOf: (key) => rows.getWithTimestamp(key)?.timestampMs ?? 0,
    })
    const closeAt = (streamTimeMs: number): boolean => closed.until(streamTimeMs - graceMs)
    const heard = idleClose(context, progress, aggregation.idleCloseMs, closeAt)
    return {
      process: (key, value, timestampMs, headers) => {
        if (key === null || key === undefined || value === null || value === undefined) {
          recordDropped('null key or value in an aggregation over sliding windows')
          return
        }
        heard()
        if (timestampMs > time.streamTimeMs) time.streamTimeMs = timestampMs
        const closeMs = time.streamTimeMs - graceMs
        if (timestampMs + differenceMs < closeMs) {
          recordDropped('record for windows that have closed', 'late')
          emitLate(key, value, timestampMs, headers)
          return
        }
        step.take(key as K, value as V, timestampMs, headers, closeMs)
        // As in Kafka Streams, which returns earlier from the case of the first windows.
        if (aggregation.emit === 'on-close' && timestampMs >= differenceMs) {
          closed.onRecord(closeMs, headers)
        }
      },
    }
  }

type Aggregate<A> = ValueAndTimestamp<A>

/** One record's way into the windows of its key. */
class SlidingStep<K, V, A> {
  readonly #context: OperatorContext
  readonly #differenceMs: number
  readonly #aggregation: WindowAggregation<K, V, A>
  readonly #rows: WindowStore<K, A>
  readonly #put: TableStore<Windowed<K>, A>['update']
  #key!: K
  #value!: V
  #timestampMs = 0
  #headers!: Headers
  #closeMs = 0

  constructor(
    context: OperatorContext,
    { differenceMs }: SlidingWindows,
    aggregation: WindowAggregation<K, V, A>,
    rows: WindowStore<K, A>,
  ) {
    this.#context = context
    this.#differenceMs = differenceMs
    this.#aggregation = aggregation
    this.#rows = rows
    this.#put = windowUpdate<K, A>(context, aggregation)
  }

  take(key: K, value: V, timestampMs: number, headers: Headers, closeMs: number): void {
    this.#key = key
    this.#value = value
    this.#timestampMs = timestampMs
    this.#headers = headers
    this.#closeMs = closeMs
    if (timestampMs < this.#differenceMs) this.#takeEarly()
    else this.#takeLater()
  }

  /** From the window that starts last back to those that end before the record. */
  #takeLater(): void {
    const timestampMs = this.#timestampMs
    const starts = new Set<number>()
    let ofLeft: Aggregate<A> | undefined
    let ofRight: Aggregate<A> | undefined
    let previousMs: number | undefined
    let hasLeft = false
    let hasRight = false
    for (const [startMs, window] of this.#windows('backward')) {
      starts.add(startMs)
      const endMs = startMs + this.#differenceMs
      if (startMs === timestampMs + 1) hasRight = true
      else if (endMs > timestampMs) {
        ofRight ??= window
        this.#update(startMs, window)
      } else if (endMs === timestampMs) {
        hasLeft = true
        this.#update(startMs, window)
        // Otherwise there was a record at this very time: all its windows exist.
        if (window.timestampMs >= timestampMs) return
        previousMs = window.timestampMs
      } else {
        ofLeft = window
        previousMs = window.timestampMs
        break
      }
    }
    this.#createRightOf(previousMs, starts)
    const leftMs = timestampMs - this.#differenceMs
    if (!hasLeft) {
      const isShared = previousMs !== undefined && previousMs >= leftMs
      this.#update(leftMs, isShared ? ofLeft : undefined)
    }
    if (!hasRight) this.#createOwnRight(ofRight)
  }

  /** Too early for a window of its own to the left: all such records share the one from 0. */
  #takeEarly(): void {
    const timestampMs = this.#timestampMs
    const starts = new Set<number>()
    let combined: Aggregate<A> | undefined
    let ofRight: Aggregate<A> | undefined
    let previousMs: number | undefined
    let hasRight = false
    for (const [startMs, window] of this.#windows('forward')) {
      starts.add(startMs)
      if (startMs === 0) {
        combined = window
        if (window.timestampMs < timestampMs) previousMs = window.timestampMs
      } else if (startMs <= timestampMs) {
        ofRight = window
        this.#update(startMs, window)
      } else hasRight = true
    }
    // With no window in between, the shared one holds nothing but what is right of the record.
    if (ofRight === undefined && combined !== undefined && combined.timestampMs > timestampMs) {
      ofRight = combined
    }
    if (!hasRight) this.#createOwnRight(ofRight)
    this.#createRightOf(previousMs, starts)
    this.#update(0, combined)
  }

  /** The key's windows that matter, as they are before this record. */
  #windows(direction: 'forward' | 'backward'): (readonly [startMs: number, Aggregate<A>])[] {
    const rows = this.#rows
    const fromMs = Math.max(0, this.#timestampMs - 2 * this.#differenceMs)
    const toMs = this.#timestampMs + 1
    const found =
      direction === 'forward'
        ? rows.fetch(this.#key, fromMs, toMs)
        : rows.backwardFetch(this.#key, fromMs, toMs)
    return [...found].map(([key, value]) => {
      const timestampMs = rows.getWithTimestamp(key)?.timestampMs ?? 0
      return [key.window.startMs, { value, timestampMs }] as const
    })
  }

  #createRightOf(previousMs: number | undefined, starts: ReadonlySet<number>): void {
    if (previousMs === undefined) return
    const startMs = previousMs + 1
    if (starts.has(startMs) || startMs + this.#differenceMs < this.#timestampMs) return
    this.#update(startMs, undefined)
  }

  /** What came after this record, as it is: the record itself is not in this window. */
  #createOwnRight(ofRight: Aggregate<A> | undefined): void {
    if (ofRight === undefined || ofRight.timestampMs <= this.#timestampMs) return
    const key = this.#windowAt(this.#timestampMs + 1)
    this.#put(key, ofRight.value, null, ofRight.timestampMs, this.#headers)
  }

  #update(startMs: number, old: Aggregate<A> | undefined): void {
    if (startMs + this.#differenceMs < this.#closeMs) {
      this.#context.recordDropped('record for a window that has closed', 'late')
      return
    }
    const { add, initial } = this.#aggregation
    const { meta } = this.#context
    const timestampMs = this.#timestampMs
    const result = add(
      this.#value,
      old === undefined ? initial() : old.value,
      meta.at(this.#key, timestampMs, this.#headers) as Meta<K>,
    )
    const resultMs = old === undefined ? timestampMs : Math.max(old.timestampMs, timestampMs)
    const key = this.#windowAt(startMs)
    this.#put(key, result, old?.value ?? null, resultMs, this.#headers, timestampMs)
  }

  #windowAt(startMs: number): Windowed<K> {
    return { key: this.#key, window: { startMs, endMs: startMs + this.#differenceMs } }
  }
}
