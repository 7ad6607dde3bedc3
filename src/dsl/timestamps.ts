import type { Meta } from '../core/record.ts'
import type { TimestampExtractor } from '../topology/graph.ts'

/** Where in a record its timestamp is, in milliseconds since the epoch. */
type TimestampOf<K, V> = (value: V, meta: Meta<K>) => number

const own = (_: unknown, { timestampMs }: Meta): number => timestampMs

const isValid = (timestampMs: number): boolean =>
  Number.isSafeInteger(timestampMs) && timestampMs >= 0

/**
 * Ready-made timestamp extractors, those of Kafka Streams, for the `timestamp` of a source. Each
 * says what becomes of a record whose timestamp is invalid: negative, or no whole number. The
 * timestamp is the record's own, or what a function finds in it:
 *
 *     builder.stream(orders, { timestamp: timestamps.usePartitionTimeOnInvalid() })
 *     builder.stream(orders, { timestamp: timestamps.logAndSkipOnInvalid((order) => order.atMs) })
 */
export const timestamps = {
  /**
   * The record cannot be read: `onBadRecord` decides (`FailOnInvalidTimestamp`). What is done with
   * a record's own timestamp where a source has no extractor.
   */
  failOnInvalid<K, V>(of: TimestampOf<K, V> = own): TimestampExtractor<K, V> {
    return (value, meta) => {
      const timestampMs = of(value, meta)
      if (isValid(timestampMs)) return timestampMs
      throw new RangeError(`${timestampMs} is no timestamp`)
    }
  },

  /** The record is left out, with a warning (`LogAndSkipOnInvalidTimestamp`). */
  logAndSkipOnInvalid<K, V>(of: TimestampOf<K, V> = own): TimestampExtractor<K, V> {
    return (value, meta) => {
      const timestampMs = of(value, meta)
      return isValid(timestampMs) ? timestampMs : -1
    }
  },

  /**
   * The record gets the largest timestamp of its partition so far; the first one cannot be read
   * (`UsePartitionTimeOnInvalidTimestamp`).
   */
  usePartitionTimeOnInvalid<K, V>(of: TimestampOf<K, V> = own): TimestampExtractor<K, V> {
    return (value, meta, { partitionTimeMs }) => {
      const timestampMs = of(value, meta)
      if (isValid(timestampMs)) return timestampMs
      if (partitionTimeMs >= 0) return partitionTimeMs
      throw new RangeError(`${timestampMs} is no timestamp, and the partition has had none yet`)
    }
  },

  /**
   * When the record is read (`WallclockTimestampExtractor`). A second run over the same records
   * gives other results.
   */
  wallClock(): TimestampExtractor<unknown, unknown> {
    return (_value, _meta, { wallClockMs }) => wallClockMs
  },
} as const
