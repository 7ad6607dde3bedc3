import { assert } from '../../core/errors.ts'
import type { Meta } from '../../core/record.ts'
import type { OperatorFactory } from '../../topology/processor.ts'

export interface StreamGlobalJoin<K, V, W> {
  readonly store: string
  /** Whether a record without a row is joined with null, not left out. */
  readonly isLeft: boolean
  /** The key of the row; null where the record names none. */
  readonly select: (value: V, meta: Meta<K>) => unknown
  readonly joiner: (value: V, tableValue: W, meta: Meta<K>) => unknown
}

/**
 * Joins each record with a row of a global table, found by the key that `select` makes of the
 * record (Kafka Streams' KStreamKTableJoin over a GlobalKTable). The record keeps its own key,
 * which may be null. Time plays no part. A record without a value is left out.
 */
export const streamGlobalJoin =
  <K, V, W>({ store, isLeft, select, joiner }: StreamGlobalJoin<K, V, W>): OperatorFactory =>
  ({ emit, meta, recordDropped, globalStore }) => {
    const rows = globalStore<unknown, W>(store)
    assert(rows !== undefined, `the topology has the global store "${store}"`)
    return {
      process: (key, value, timestampMs, headers) => {
        if (value === null || value === undefined) {
          recordDropped('null value in a join')
          return
        }
        const mapped = select(value as V, meta.at(key, timestampMs, headers) as Meta<K>) ?? null
        if (mapped === null && !isLeft) {
          recordDropped('null mapped key in a join')
          return
        }
        const row = mapped === null ? undefined : rows.get(mapped)
        if (row === undefined && !isLeft) return
        const at = meta.at(key, timestampMs, headers) as Meta<K>
        emit(key, joiner(value as V, (row ?? null) as W, at), timestampMs, headers)
      },
    }
  }
