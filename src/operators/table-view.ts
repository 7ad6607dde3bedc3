import type { Headers, Meta } from '../core/record.ts'
import type { ValueAndTimestamp } from '../state/store.ts'
import { isVersioned } from '../state/versioned-store.ts'
import type { OperatorContext } from '../topology/processor.ts'

/**
 * The row of a key as it is now; of a versioned table as of a time, where one is given. The headers
 * are for callbacks that compute it.
 */
export type RowLookup = (
  key: unknown,
  headers: Headers,
  asOfMs?: number,
) => ValueAndTimestamp<unknown> | undefined

/**
 * How a step reads the rows of a table that another step makes (Kafka Streams'
 * KTableValueGetter): from its store, or computed from the stores behind it.
 */
export interface TableView {
  /** What the step that looks must declare. */
  readonly stores: readonly string[]
  /** Of a versioned table: how far back its rows are known. Undefined: as they are now only. */
  readonly historyMs: number | undefined
  readonly open: (context: OperatorContext) => RowLookup
}

/** `historyMs`: of a versioned store. */
export const storeView = (store: string, historyMs?: number): TableView => ({
  stores: [store],
  historyMs,
  open: (context) => {
    const rows = context.store<unknown, unknown>(store)
    return isVersioned(rows)
      ? (key, _, asOfMs) => rows.getWithTimestamp(key, asOfMs)
      : (key) => rows.getWithTimestamp(key)
  },
})

/** The view of a table that is computed row by row; null where it has no such row. */
export const derivedView = (
  view: TableView,
  derive: (value: never, meta: Meta<never>) => unknown,
): TableView => ({
  stores: view.stores,
  historyMs: view.historyMs,
  open: (context) => {
    const rowOf = view.open(context)
    return (key, headers, asOfMs) => {
      const row = rowOf(key, headers, asOfMs)
      if (row === undefined) return undefined
      const { timestampMs } = row
      const meta = context.meta.at(key, timestampMs, headers) as Meta as Meta<never>
      const value = derive(row.value as never, meta) ?? null
      return value === null ? undefined : { value, timestampMs }
    }
  },
})
