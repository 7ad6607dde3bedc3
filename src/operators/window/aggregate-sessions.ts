import type { Meta } from '../../core/record.ts'
import type { Windowed } from '../../serde/windowed-key.ts'
import type { Progressive, SessionStore } from '../../state/window-store.ts'
import type { OperatorFactory } from '../../topology/processor.ts'
import { closing } from './closing.ts'
import { idleClose } from './idle-close.ts'
import type { SessionWindows } from './windows.ts'
import { lateSink, streamTimeOf, windowUpdate, type WindowAggregation } from './windowing.ts'

export interface SessionAggregation<in K, in V, in out A> extends WindowAggregation<K, V, A> {
  /** Joins what was begun with `initial` and what a session came to. */
  readonly merge: (left: A | null, right: A, meta: Meta<K>) => A | null
}

/**
 * Folds the records of each key and session into one value (Kafka Streams'
 * KStreamSessionWindowAggregate). A record absorbs every session that is not further away than the
 * gap: each of them is deleted, then the session of all is put. Only a null key is left out. The
 * timestamp of a result is the end of its session.
 */
export const aggregateSessions =
  <K, V, A>(
    { gapMs, graceMs }: SessionWindows,
    aggregation: SessionAggregation<K, V, A>,
  ): OperatorFactory =>
  (context) => {
    const { meta, recordDropped } = context
    const { initial, add, merge, late } = aggregation
    const emitLate = lateSink(context, late)
    const rows = context.store(aggregation.store) as unknown as SessionStore<K, A> & Progressive
    const { progress, findSessions, fetchEnded } = rows
    const time = streamTimeOf(rows, aggregation)
    const put = windowUpdate<K, A>(context, aggregation)
    const closed = closing<K, A>(context, {
      progress,
      serdes: aggregation.serdes,
      emitIntervalMs: aggregation.emitIntervalMs ?? context.closeIntervalMs,
      closedBetween: (closedMs, closeMs) => fetchEnded(Math.max(0, closedMs), closeMs - 1),
      timestampOf: ({ window }) => window.endMs,
    })
    const closeAt = (streamTimeMs: number): boolean => closed.until(streamTimeMs - graceMs - gapMs)
    const heard = idleClose(context, progress, aggregation.idleCloseMs, closeAt)
    return {
      process: (key, value, timestampMs, headers) => {
        if (key === null || key === undefined) {
          recordDropped('null key in a windowed aggregation')
          return
        }
        heard()
        if (timestampMs > time.streamTimeMs) time.streamTimeMs = timestampMs
        const closeMs = time.streamTimeMs - graceMs - gapMs
        let startMs = timestampMs
        let endMs = timestampMs
        let result = initial()
        const absorbed = [...findSessions(key as K, timestampMs - gapMs, timestampMs + gapMs)]
        for (const [{ window }, session] of absorbed) {
          result = merge(result, session, meta.at(key, timestampMs, headers) as Meta<K>)
          startMs = Math.min(startMs, window.startMs)
          endMs = Math.max(endMs, window.endMs)
        }
        if (endMs < closeMs) {
          recordDropped('record for a session that has closed', 'late')
          emitLate(key, value, timestampMs, headers)
        } else {
          // A repeat of a single point replaces its session: it is no deletion.
          if (startMs !== endMs) {
            for (const [session, old] of absorbed) {
              put(session, null, old, session.window.endMs, headers)
            }
          }
          result = add(value as V, result, meta.at(key, timestampMs, headers) as Meta<K>)
          const session: Windowed<K> = { key: key as K, window: { startMs, endMs } }
          put(session, result, null, endMs, headers)
        }
        if (aggregation.emit === 'on-close') closed.onRecord(closeMs, headers)
      },
    }
  }
