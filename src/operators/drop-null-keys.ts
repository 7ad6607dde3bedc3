import type { OperatorFactory } from '../topology/processor.ts'

/**
 * In front of an internal topic: a record without a key belongs to no partition (Kafka Streams'
 * `rewriteRepartitionNodes`, KIP-962; it makes an exception only in front of left and outer joins).
 */
export const dropNullKeys: OperatorFactory = ({ emit, recordDropped }) => ({
  process: (key, value, timestampMs, headers) => {
    if (key === null || key === undefined) recordDropped('null key before a repartition')
    else emit(key, value, timestampMs, headers)
  },
})
