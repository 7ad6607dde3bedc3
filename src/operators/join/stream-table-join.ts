import type { Meta } from '../../core/record.ts'
import type { OperatorFactory } from '../../topology/processor.ts'
import type { TableView } from '../table-view.ts'

export interface StreamTableJoin<K, V, W> {
  readonly view: TableView
  /** Whether a record without a row is joined with null, not left out. */
  readonly isLeft: boolean
  readonly joiner: (value: V, tableValue: W, meta: Meta<K>) => unknown
}

/**
 * Joins each record with the row that its key has now (Kafka Streams' KStreamKTableJoin); time
 * plays no part, and updates of the table cause nothing. A record without a value is left out; one
 * without a key finds no row.
 */
export const streamTableJoin =
  <K, V, W>({ view, isLeft, joiner }: StreamTableJoin<K, V, W>): OperatorFactory =>
  (context) => {
    const { emit, meta, recordDropped } = context
    const rowOf = view.open(context)
    return {
      process: (key, value, timestampMs, headers) => {
        const keyless = key === null || key === undefined
        if (value === null || value === undefined || (keyless && !isLeft)) {
          recordDropped('null key or value in a join')
          return
        }
        const row = keyless ? undefined : rowOf(key, headers)
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
