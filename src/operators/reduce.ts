import type { Meta } from '../core/record.ts'
import type { OperatorFactory } from '../topology/processor.ts'
import { tableStore } from './table-store.ts'

/**
 * Combines the values of a key (Kafka Streams' KStreamReduce). The first value is taken as it is;
 * a null result deletes the row. Nulls and timestamps are treated as in `aggregate`.
 */
export const reduce =
  <K, V>(
    storeName: string,
    combine: (aggregate: V, value: V, meta: Meta<K>) => V | null,
  ): OperatorFactory =>
  (context) => {
    const { meta, recordDropped } = context
    const { rows, update } = tableStore<K, V>(context, storeName, context.emit)
    return {
      process: (key, value, timestampMs, headers) => {
        if (key === null || key === undefined || value === null || value === undefined) {
          recordDropped('null key or value in an aggregation')
          return
        }
        const old = rows.getWithTimestamp(key as K)
        if (old === undefined) {
          update(key as K, value as V, null, timestampMs, headers)
          return
        }
        const recordMeta = meta.at(key, timestampMs, headers) as Meta<K>
        const result = combine(old.value, value as V, recordMeta)
        const resultMs = Math.max(old.timestampMs, timestampMs)
        update(key as K, result, old.value, resultMs, headers, timestampMs)
      },
    }
  }
