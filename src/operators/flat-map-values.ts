import type { Meta } from '../core/record.ts'
import type { OperatorFactory } from '../topology/processor.ts'
import { listOf } from './flat-map.ts'

/** Any number of records with the same key for each one. */
export const flatMapValues =
  <K, V>(mapper: (value: V, meta: Meta<K>) => Iterable<unknown>): OperatorFactory =>
  ({ emit, meta }) => ({
    process: (key, value, timestampMs, headers) => {
      const mapped = mapper(value as V, meta.at(key, timestampMs, headers) as Meta<K>)
      for (const each of listOf(mapped)) emit(key, each, timestampMs, headers)
    },
  })
