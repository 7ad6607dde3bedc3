import type { Headers, Meta } from '../core/record.ts'
import type { ValueAndTimestamp } from '../state/store.ts'
import type { OperatorContext } from '../topology/processor.ts'

/** The row of a key as it is now. The headers are for callbacks that compute it. */
export type RowLookup = (key: unknown, headers: Headers) => ValueAndTimestamp<unknown> | undefined

/**
 * How a step reads the rows of a table that another step makes (Kafka Streams'
 * KTableValueGetter): from its store, or computed from the stores behind it.
 */
export interface TableView {
  /** What the step that looks must declare. */
  readonly stores: readonly string[]
  readonly open: (context: OperatorContext) => RowLookup
}

export const storeView = (store: string): TableView => ({
  stores: [store],
  open: (context) => {
    const rows = context.store<unknown, unknown>(store)
    return (key) => rows.getWithTimestamp(key)
  },
})

/** The view of a table that is computed row by row; null where it has no such row. */
export const derivedView = (
  view: TableView,
  derive: (value: never, meta: Meta<never>) => unknown,
): TableView => ({
  stores: view.stores,
  open: (context) => {
    const rowOf = view.open(context)
    return (key, headers) => {
      const row = rowOf(key, headers)
      if (row === undefined) return undefined
      const { timestampMs } = row
      const meta = context.meta.at(key, timestampMs, headers) as Meta as Meta<never>
      const value = derive(row.value as never, meta) ?? null
      return value === null ? undefined : { value, timestampMs }
    }
  },
})
