import type { Meta } from '../core/record.ts'
import type { OperatorFactory } from '../topology/processor.ts'

/** A new value for each record; also for a tombstone, as in Kafka Streams. */
export const mapValues =
  <K, V>(mapper: (value: V, meta: Meta<K>) => unknown): OperatorFactory =>
  ({ emit, meta }) => ({
    process: (key, value, timestampMs, headers) => {
      const mapped = mapper(value as V, meta.at(key, timestampMs, headers) as Meta<K>)
      emit(key, mapped, timestampMs, headers)
    },
  })
