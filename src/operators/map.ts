import type { Meta } from '../core/record.ts'
import type { OperatorFactory } from '../topology/processor.ts'

/** A new key and a new value for each record. */
export const map =
  <K, V>(mapper: (value: V, meta: Meta<K>) => readonly [unknown, unknown]): OperatorFactory =>
  ({ emit, meta }) => ({
    process: (key, value, timestampMs, headers) => {
      const mapped = mapper(value as V, meta.at(key, timestampMs, headers) as Meta<K>)
      emit(mapped[0], mapped[1], timestampMs, headers)
    },
  })
