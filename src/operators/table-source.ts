import type { Change, OperatorFactory } from '../topology/processor.ts'
import { tableStore } from './table-store.ts'

/**
 * Makes a table of records (Kafka Streams' KTableSource): each one replaces the row of its key, a
 * null value deletes it. A late record is applied all the same, and a record that changes nothing
 * is forwarded all the same.
 */
export const tableSource =
  (storeName: string): OperatorFactory =>
  (context) => {
    const { recordDropped } = context
    const { rows, update } = tableStore<unknown, unknown>(context, storeName, context.emit)
    return {
      process: (key, value, timestampMs, headers) => {
        if (key === null || key === undefined) {
          recordDropped('null key in a table')
          return
        }
        update(key, value ?? null, rows.get(key) ?? null, timestampMs, headers)
      },
    }
  }

/** As {@link tableSource}, for a table that is kept nowhere: nobody knows what was replaced. */
export const passingTable: OperatorFactory = ({ emit }) => ({
  process: (key, value, timestampMs, headers) => {
    const change: Change = { newValue: value ?? null, oldValue: null }
    emit(key, change, timestampMs, headers)
  },
})
