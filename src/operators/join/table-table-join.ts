import type { RecordMeta } from '../../core/record-meta.ts'
import type { Headers, Meta } from '../../core/record.ts'
import type { Change, OperatorFactory } from '../../topology/processor.ts'
import type { TableDemand } from '../table-derive.ts'
import { tableStore } from '../table-store.ts'
import type { TableView } from '../table-view.ts'

/** Makes a row of two; a side without a row is null. Null makes no row. */
export type RowJoiner = (left: never, right: never, meta: Meta<never>) => unknown

/** Which side's rows are there without a partner: neither (inner), the left one's, both (outer). */
export interface KeptSides {
  readonly left: boolean
  readonly right: boolean
}

export interface TableJoinSide {
  /** The table whose updates come here. */
  readonly side: keyof KeptSides
  /** The other table. */
  readonly partners: TableView
  readonly kept: KeptSides
  readonly joiner: RowJoiner
  readonly demand: TableDemand
}

/**
 * One side of a join of two tables by their keys (Kafka Streams' KTableKTable…Join): an update
 * meets the row that the other table has now. The result's timestamp is the larger of both rows'.
 * Where the partner is missing and the join needs one, nothing is forwarded: there was no row
 * either. Rows that are kept without a partner need the old values of their table, to tell a
 * deletion of nothing. An update that is late for a versioned table changes no row, and is left
 * out.
 */
export const tableJoinSide =
  ({ side, partners, kept, joiner, demand }: TableJoinSide): OperatorFactory =>
  (context) => {
    const { emit } = context
    const { oldValues } = demand
    const partnerOf = partners.open(context)
    const keepsMine = kept[side]
    const keepsPartner = kept[side === 'left' ? 'right' : 'left']
    const join = joinedBy(joiner, context.meta)
    return {
      process: (key, value, timestampMs, headers) => {
        const change = value as Change
        if (change.isLate) return
        const partner = partnerOf(key, headers)
        if (partner === undefined) {
          if (!keepsMine || (change.newValue === null && change.oldValue === null)) return
        }
        const theirs = partner === undefined ? null : partner.value
        const resultMs =
          partner === undefined ? timestampMs : Math.max(timestampMs, partner.timestampMs)
        const joined = (mine: unknown): unknown => {
          if (mine === null && (theirs === null || !keepsPartner)) return null
          const [left, right] = side === 'left' ? [mine, theirs] : [theirs, mine]
          return join(left, right, key, timestampMs, headers)
        }
        const newValue = joined(change.newValue)
        const oldValue = oldValues ? joined(change.oldValue) : null
        emit(key, { newValue, oldValue } satisfies Change, resultMs, headers)
      },
    }
  }

/** Keeps the rows of a join, which come from both sides. */
export const storeJoined =
  (storeName: string): OperatorFactory =>
  (context) => {
    const { update } = tableStore<unknown, unknown>(context, storeName, context.emit)
    return {
      process: (key, value, timestampMs, headers) => {
        const { newValue, oldValue } = value as Change
        update(key, newValue, oldValue, timestampMs, headers)
      },
    }
  }

/** The rows of a join that is kept nowhere, computed of both tables. */
export const joinedView = (
  views: Readonly<Record<keyof KeptSides, TableView>>,
  kept: KeptSides,
  joiner: RowJoiner,
): TableView => ({
  stores: [...new Set([...views.left.stores, ...views.right.stores])],
  // As in Kafka Streams, which could say what it was: the join of versioned tables is none.
  historyMs: undefined,
  open: (context) => {
    const leftOf = views.left.open(context)
    const rightOf = views.right.open(context)
    const join = joinedBy(joiner, context.meta)
    return (key, headers) => {
      const left = leftOf(key, headers)
      if (left === undefined && !kept.right) return undefined
      const right = rightOf(key, headers)
      if (right === undefined && (left === undefined || !kept.left)) return undefined
      const timestampMs = Math.max(left?.timestampMs ?? -1, right?.timestampMs ?? -1)
      const value = join(left?.value ?? null, right?.value ?? null, key, timestampMs, headers)
      return value === null ? undefined : { value, timestampMs }
    }
  },
})

const joinedBy =
  (joiner: RowJoiner, meta: RecordMeta) =>
  (left: unknown, right: unknown, key: unknown, timestampMs: number, headers: Headers): unknown => {
    const rowMeta = meta.at(key, timestampMs, headers) as Meta as Meta<never>
    return joiner(left as never, right as never, rowMeta) ?? null
  }
