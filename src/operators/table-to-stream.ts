import type { Change, OperatorFactory } from '../topology/processor.ts'

/** The updates of a table as records; a deletion is a tombstone. */
export const tableToStream: OperatorFactory = ({ emit }) => ({
  process: (key, value, timestampMs, headers) => {
    emit(key, (value as Change).newValue, timestampMs, headers)
  },
})
