import type { GlobalStepFactory } from '../../topology/global-processor.ts'

/**
 * Keeps a topic that every thread reads in full (Kafka Streams' GlobalKTable): each record replaces
 * the row of its key, a null value deletes it.
 */
export const globalTable =
  (storeName: string): GlobalStepFactory =>
  ({ store, recordDropped }) => {
    const rows = store<unknown, unknown>(storeName)
    return {
      process: (key, value, timestampMs) => {
        if (key === null || key === undefined) recordDropped('null key in a global table')
        else rows.put(key, value ?? null, timestampMs)
      },
    }
  }
