import type { Meta } from '../core/record.ts'
import type { Change, OperatorFactory } from '../topology/processor.ts'
import { tableStore } from './table-store.ts'

export interface TableAggregator<K, V, A> {
  /** What a new group starts from; undefined: its first member as it is. */
  readonly initial: (() => A) | undefined
  readonly add: (value: V, aggregate: A, meta: Meta<K>) => A | null
  readonly subtract: (value: V, aggregate: A, meta: Meta<K>) => A | null
}

/**
 * Keeps an aggregate of the rows in each group (Kafka Streams' KTableAggregate and KTableReduce):
 * what an update replaced is subtracted first, then what it brought is added. A null result deletes
 * the group's row. There is nothing to subtract from a group that does not exist.
 */
export const tableAggregate =
  <K, V, A>(
    storeName: string,
    { initial, add, subtract }: TableAggregator<K, V, A>,
  ): OperatorFactory =>
  (context) => {
    const { meta } = context
    const { rows, update } = tableStore<K, A>(context, storeName, context.emit)
    return {
      process: (key, value, timestampMs, headers) => {
        const { newValue, oldValue } = value as Change<V>
        const old = rows.getWithTimestamp(key as K)
        let result: A | null = old === undefined ? null : old.value
        if (oldValue !== null && result !== null) {
          result = subtract(oldValue, result, meta.at(key, timestampMs, headers) as Meta<K>)
        }
        if (newValue !== null) {
          // A reduce has no initial value, and a member is then of the aggregate's own type.
          if (result === null && initial === undefined) result = newValue as unknown as A
          else {
            const base = result ?? (initial as () => A)()
            result = add(newValue, base, meta.at(key, timestampMs, headers) as Meta<K>)
          }
        }
        const touched = old !== undefined && (oldValue !== null || newValue !== null)
        const resultMs = touched ? Math.max(old.timestampMs, timestampMs) : timestampMs
        const oldResult = old === undefined ? null : old.value
        update(key as K, result, oldResult, resultMs, headers, timestampMs)
      },
    }
  }
