import type { Headers, Meta } from '../../core/record.ts'
import type { OperatorContext, OperatorFactory } from '../../topology/processor.ts'
import type { TableView } from '../table-view.ts'
import type { WaitingPlace } from '../waiting/record-at-hand.ts'
import { GraceBuffer } from './grace-buffer.ts'

export interface StreamTableJoin<K, V, W> {
  readonly view: TableView
  /** Whether a record without a row is joined with null, not left out. */
  readonly isLeft: boolean
  readonly joiner: (value: V, tableValue: W, meta: Meta<K>) => unknown
}

/** How long records wait for the table, and where. */
export interface Waiting {
  readonly graceMs: number
  readonly place: WaitingPlace
}

/**
 * Joins each record with the row that its key has now, or, of a versioned table, had at the
 * record's time (Kafka Streams' KStreamKTableJoin). Updates of the table cause nothing. A record
 * without a value is left out; one without a key finds no row.
 */
export const streamTableJoin =
  <K, V, W>(join: StreamTableJoin<K, V, W>): OperatorFactory =>
  (context) => {
    const { joinNow, isLeftOut } = joining(join, context)
    return {
      process: (key, value, timestampMs, headers) => {
        if (!isLeftOut(key, value)) joinNow(key, value, timestampMs, headers)
      },
    }
  }

/**
 * As {@link streamTableJoin} with a versioned table, but each record waits in a store until stream
 * time has passed its own by a grace: updates of the table that come late are seen (KIP-923). One
 * that is later itself, or has no key, is joined at once. Stream time is that of the records that
 * came here.
 */
export const streamTableJoinWithGrace =
  <K, V, W>(join: StreamTableJoin<K, V, W>, { graceMs, place }: Waiting): OperatorFactory =>
  (context) => {
    const { joinNow, isLeftOut } = joining(join, context)
    const buffer = new GraceBuffer(context, place, graceMs)
    return {
      process: (key, value, timestampMs, headers) => {
        if (isLeftOut(key, value)) return
        if (isAbsent(key)) {
          joinNow(key, value, timestampMs, headers)
          return
        }
        buffer.advance(timestampMs)
        buffer.release(joinNow)
        if (buffer.isDue(timestampMs)) joinNow(key, value, timestampMs, headers)
        else buffer.hold(key, value, timestampMs, headers)
      },
    }
  }

function joining<K, V, W>(
  { view, isLeft, joiner }: StreamTableJoin<K, V, W>,
  context: OperatorContext,
) {
  const { emit, meta, recordDropped } = context
  const rowOf = view.open(context)
  return {
    isLeftOut: (key: unknown, value: unknown): boolean => {
      if (!isAbsent(value) && (isLeft || !isAbsent(key))) return false
      recordDropped('null key or value in a join')
      return true
    },
    joinNow: (key: unknown, value: unknown, timestampMs: number, headers: Headers): void => {
      const row = isAbsent(key) ? undefined : rowOf(key, headers, timestampMs)
      if (row === undefined && !isLeft) return
      const joined = joiner(
        value as V,
        (row === undefined ? null : row.value) as W,
        meta.at(key, timestampMs, headers) as Meta<K>,
      )
      emit(key, joined, timestampMs, headers)
    },
  }
}

const isAbsent = (part: unknown): boolean => part === null || part === undefined
