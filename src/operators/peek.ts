import type { Meta } from '../core/record.ts'
import type { OperatorFactory } from '../topology/processor.ts'

/** Shows each record to a callback and passes it on; at the end of a stream it is `forEach`. */
export const peek =
  <K, V>(action: (value: V, meta: Meta<K>) => void): OperatorFactory =>
  ({ emit, meta }) => ({
    process: (key, value, timestampMs, headers) => {
      action(value as V, meta.at(key, timestampMs, headers) as Meta<K>)
      emit(key, value, timestampMs, headers)
    },
  })
