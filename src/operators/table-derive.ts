import type { Headers, Meta } from '../core/record.ts'
import type { Change, OperatorFactory } from '../topology/processor.ts'
import { tableStore } from './table-store.ts'

/** Set while the topology is built, read when a task starts. */
export interface TableDemand {
  /**
   * A step further on subtracts what an update replaces (Kafka Streams' `enableSendingOldValues`).
   */
  oldValues: boolean
}

export interface DerivedTable<K, V, W> {
  /**
   * Called for rows only, never for a deletion; null where the row does not exist in this table.
   */
  readonly derive: (value: V, meta: Meta<K>) => W | null
  /** Where the table is kept; undefined: it is computed on the way. */
  readonly store: string | undefined
  readonly demand: TableDemand
  /**
   * Whether an update that neither adds nor removes a row is left out when old values are known.
   * Not of a versioned table: it may be a late one.
   */
  readonly skipsAbsent: boolean
}

/**
 * A table computed row by row from another one: `filter` and `mapValues` (Kafka Streams'
 * KTableFilter and KTableMapValues). What was derived from the replaced row is computed again, or
 * read from the table's own store, only where a later step asked for it.
 */
export const deriveTable =
  <K, V, W>({ derive, store, demand, skipsAbsent }: DerivedTable<K, V, W>): OperatorFactory =>
  (context) => {
    const { emit, meta } = context
    const { oldValues } = demand
    const derived = (value: V | null, key: unknown, timestampMs: number, headers: Headers) =>
      value === null ? null : derive(value, meta.at(key, timestampMs, headers) as Meta<K>)
    const own = store === undefined ? undefined : tableStore<K, W>(context, store, emit)
    return {
      process: (key, value, timestampMs, headers) => {
        const change = value as Change<V>
        const newValue = derived(change.newValue, key, timestampMs, headers)
        let oldValue: W | null = null
        if (oldValues) {
          oldValue = own
            ? (own.rows.get(key as K) ?? null)
            : derived(change.oldValue, key, timestampMs, headers)
          if (skipsAbsent && newValue === null && oldValue === null) return
        }
        if (own) own.update(key as K, newValue, oldValue, timestampMs, headers)
        else emit(key, derivedChange(change, newValue, oldValue), timestampMs, headers)
      },
    }
  }

const derivedChange = <W>({ isLate }: Change, newValue: W | null, oldValue: W | null): Change<W> =>
  isLate ? { newValue, oldValue, isLate } : { newValue, oldValue }
