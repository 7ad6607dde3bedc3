import type { Meta } from '../core/record.ts'
import type { OperatorFactory } from '../topology/processor.ts'
import { tableStore } from './table-store.ts'

/**
 * Folds the records of a key into one value (Kafka Streams' KStreamAggregate). A null key or value
 * is left out; a null result deletes the row, and the next record starts from `initial` again. The
 * row's timestamp is the largest of its records'.
 */
export const aggregate =
  <K, V, A>(
    storeName: string,
    initial: () => A,
    add: (value: V, aggregate: A, meta: Meta<K>) => A | null,
  ): OperatorFactory =>
  (context) => {
    const { meta, recordDropped } = context
    const { rows, update } = tableStore<K, A>(context, storeName, context.emit)
    return {
      process: (key, value, timestampMs, headers) => {
        if (key === null || key === undefined || value === null || value === undefined) {
          recordDropped('null key or value in an aggregation')
          return
        }
        const old = rows.getWithTimestamp(key as K)
        const resultMs = old === undefined ? timestampMs : Math.max(old.timestampMs, timestampMs)
        const result = add(
          value as V,
          old === undefined ? initial() : old.value,
          meta.at(key, timestampMs, headers) as Meta<K>,
        )
        const oldValue = old === undefined ? null : old.value
        update(key as K, result, oldValue, resultMs, headers, timestampMs)
      },
    }
  }
