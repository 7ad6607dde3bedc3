import type { Meta } from '../core/record.ts'
import type { OperatorFactory } from '../topology/processor.ts'

/** Lets a record pass where the predicate's answer is `wanted`. */
export const filter =
  <K, V>(predicate: (value: V, meta: Meta<K>) => boolean, wanted: boolean): OperatorFactory =>
  ({ emit, meta }) => ({
    process: (key, value, timestampMs, headers) => {
      const answer = predicate(value as V, meta.at(key, timestampMs, headers) as Meta<K>)
      if (answer === wanted) emit(key, value, timestampMs, headers)
    },
  })
