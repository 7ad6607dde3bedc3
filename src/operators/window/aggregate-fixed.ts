import type { Meta } from '../../core/record.ts'
import type { Windowed } from '../../serde/windowed-key.ts'
import type { Progressive, WindowStore } from '../../state/window-store.ts'
import type { OperatorFactory } from '../../topology/processor.ts'
import { closing } from './closing.ts'
import { idleClose } from './idle-close.ts'
import type { FixedWindows } from './windows.ts'
import { lateSink, streamTimeOf, windowUpdate, type WindowAggregation } from './windowing.ts'

/**
 * Folds the records of each key and window into one value (Kafka Streams' KStreamWindowAggregate).
 * Only a null key is left out: a null value is given to `add`. A window takes records while its end
 * is after stream time less grace; stream time is the largest timestamp of the keyed records.
 */
export const aggregateFixed =
  <K, V, A>(
    { sizeMs, advanceMs, graceMs }: FixedWindows,
    aggregation: WindowAggregation<K, V, A>,
  ): OperatorFactory =>
  (context) => {
    const { meta, recordDropped } = context
    const { initial, add, late } = aggregation
    const emitLate = lateSink(context, late)
    const rows = context.store(aggregation.store) as unknown as WindowStore<K, A> & Progressive
    const { progress, fetchAll } = rows
    const time = streamTimeOf(rows, aggregation)
    const put = windowUpdate<K, A>(context, aggregation)
    const closed = closing<K, A>(context, {
      progress,
      serdes: aggregation.serdes,
      // A look costs next to nothing: it reads what has closed and nothing else.
      emitIntervalMs: aggregation.emitIntervalMs ?? 0,
      closedBetween: (closedMs, closeMs) =>
        fetchAll(Math.max(0, closedMs - sizeMs + 1), closeMs - sizeMs),
      boundaryOf: (closeMs) => Math.floor((closeMs - sizeMs) / advanceMs),
      timestampOf: (key) => rows.getWithTimestamp(key)?.timestampMs ?? 0,
    })
    const closeAt = (streamTimeMs: number): boolean => closed.until(streamTimeMs - graceMs)
    const heard = idleClose(context, progress, aggregation.idleCloseMs, closeAt)
    return {
      process: (key, value, timestampMs, headers) => {
        if (key === null || key === undefined) {
          recordDropped('null key in a windowed aggregation')
          return
        }
        heard()
        if (timestampMs > time.streamTimeMs) time.streamTimeMs = timestampMs
        const closeMs = time.streamTimeMs - graceMs
        const firstMs = Math.max(0, timestampMs - sizeMs + advanceMs)
        let taken = false
        for (
          let startMs = firstMs - (firstMs % advanceMs);
          startMs <= timestampMs;
          startMs += advanceMs
        ) {
          const endMs = startMs + sizeMs
          if (endMs > closeMs) {
            taken = true
            const windowKey: Windowed<K> = { key: key as K, window: { startMs, endMs } }
            const old = rows.getWithTimestamp(windowKey)
            const resultMs =
              old === undefined ? timestampMs : Math.max(old.timestampMs, timestampMs)
            const result = add(
              value as V,
              old === undefined ? initial() : old.value,
              meta.at(key, timestampMs, headers) as Meta<K>,
            )
            put(windowKey, result, old?.value ?? null, resultMs, headers, timestampMs)
          } else recordDropped('record for a window that has closed', 'late')
        }
        if (!taken) emitLate(key, value, timestampMs, headers)
        if (aggregation.emit === 'on-close') closed.onRecord(closeMs, headers)
      },
    }
  }
