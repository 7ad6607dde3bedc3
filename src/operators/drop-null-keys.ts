import type { OperatorFactory } from '../topology/processor.ts'

/** In front of an automatic repartition: a record without a key belongs to no group. */
export const dropNullKeys: OperatorFactory = ({ emit, recordDropped }) => ({
  process: (key, value, timestampMs, headers) => {
    if (key === null || key === undefined) recordDropped('null key before a repartition')
    else emit(key, value, timestampMs, headers)
  },
})
