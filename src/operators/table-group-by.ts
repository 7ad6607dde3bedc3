import type { Headers, Meta } from '../core/record.ts'
import type { Serializer } from '../serde/serde.ts'
import type { Change, OperatorFactory } from '../topology/processor.ts'

/**
 * Sends an update of a row to the groups that it leaves and enters (Kafka Streams'
 * KTableRepartitionMap): to the old group first; as one update where the group stays the same. A
 * null key or value belongs to no group. An update that is late for a versioned table changes no
 * row, and is left out.
 */
export const tableGroupBy =
  <K, V>(
    select: (value: V, meta: Meta<K>) => readonly [unknown, unknown],
    groupKey: Serializer<unknown>,
  ): OperatorFactory =>
  ({ emit, meta, recordDropped }) => {
    const pairOf = (row: V | null, key: unknown, timestampMs: number, headers: Headers) => {
      if (row === null) return undefined
      const pair = select(row, meta.at(key, timestampMs, headers) as Meta<K>)
      if (isPresent(pair[0]) && isPresent(pair[1])) return pair
      recordDropped('null key or value in a table group')
      return undefined
    }
    return {
      process: (key, value, timestampMs, headers) => {
        const { newValue, oldValue, isLate } = value as Change<V>
        if (isLate) return
        const entered = pairOf(newValue, key, timestampMs, headers)
        const left = pairOf(oldValue, key, timestampMs, headers)
        if (left && entered && sameKey(left[0], entered[0], groupKey)) {
          emit(left[0], change(entered[1], left[1]), timestampMs, headers)
          return
        }
        if (left) emit(left[0], change(null, left[1]), timestampMs, headers)
        if (entered) emit(entered[0], change(entered[1], null), timestampMs, headers)
      },
    }
  }

const change = (newValue: unknown, oldValue: unknown): Change => ({ newValue, oldValue })

const isPresent = (value: unknown): boolean => value !== null && value !== undefined

/** Keys are equal where Kafka sees the same bytes: objects have no equality of their own. */
export const sameKey = (left: unknown, right: unknown, serde: Serializer<unknown>): boolean =>
  left === right ||
  (typeof left === 'object' &&
    typeof right === 'object' &&
    Buffer.compare(Buffer.from(serde.serialize(left)), serde.serialize(right)) === 0)
