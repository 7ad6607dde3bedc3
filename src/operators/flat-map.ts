import type { Meta } from '../core/record.ts'
import type { OperatorFactory } from '../topology/processor.ts'

/** Any number of records, with new keys, for each one. */
export const flatMap =
  <K, V>(
    mapper: (value: V, meta: Meta<K>) => Iterable<readonly [unknown, unknown]>,
  ): OperatorFactory =>
  ({ emit, meta }) => ({
    process: (key, value, timestampMs, headers) => {
      const mapped = mapper(value as V, meta.at(key, timestampMs, headers) as Meta<K>)
      for (const pair of listOf(mapped)) emit(pair[0], pair[1], timestampMs, headers)
    },
  })

/**
 * A generator is run to its end before anything is forwarded: the steps that follow fill the same
 * meta, which the generator may still read.
 */
export const listOf = <T>(items: Iterable<T>): readonly T[] =>
  Array.isArray(items) ? (items as readonly T[]) : [...items]
