import type { Meta } from '../core/record.ts'
import type { OperatorFactory } from '../topology/processor.ts'

/** A new key for each record. */
export const selectKey =
  <K, V>(select: (value: V, meta: Meta<K>) => unknown): OperatorFactory =>
  ({ emit, meta }) => ({
    process: (key, value, timestampMs, headers) => {
      const selected = select(value as V, meta.at(key, timestampMs, headers) as Meta<K>)
      emit(selected, value, timestampMs, headers)
    },
  })
