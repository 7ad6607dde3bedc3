import { merge } from '../operators/merge.ts'
import {
  joinedView,
  storeJoined,
  tableJoinSide,
  type KeptSides,
  type RowJoiner,
} from '../operators/join/table-table-join.ts'
import type { TableDemand } from '../operators/table-derive.ts'
import { storeView } from '../operators/table-view.ts'
import { storeNameOf } from '../topology/key-value-store.ts'
import type { AnyTableStoreOption, TableStoreOption } from '../topology/versioned-store.ts'
import { declareStore, viewOf, type TableFlow } from './flow.ts'

/** Of a join of two tables by the same key. */
export interface TableTableOptions<K, W> {
  /** Where the result is kept; it is computed on the way where none is given. */
  readonly store?: TableStoreOption<K, NonNullable<W>>
}

const kinds = {
  join: { left: false, right: false },
  'left-join': { left: true, right: false },
  'outer-join': { left: true, right: true },
} as const satisfies Record<string, KeptSides>

/** The table of the rows that two tables have by the same key. */
export function joinTables(
  operator: keyof typeof kinds,
  tables: Readonly<Record<keyof KeptSides, TableFlow>>,
  joiner: RowJoiner,
  option: { readonly store?: AnyTableStoreOption },
): TableFlow {
  const { left, right } = tables
  const { graph, words } = left
  const kept = kinds[operator]
  const views = { left: viewOf(left, left, operator), right: viewOf(left, right, operator) }
  const demand: TableDemand = { oldValues: false }
  if (kept.left) left.demandOldValues()
  if (kept.right) right.demandOldValues()
  const sideStep = (side: keyof KeptSides) => {
    const partners = views[side === 'left' ? 'right' : 'left']
    const { name: node } = graph.addProcessor({
      operator: `${operator}-${side}`,
      inputs: [tables[side].from],
      stores: partners.stores,
      create: tableJoinSide({ side, partners, kept, joiner, demand }),
    })
    return { node, output: undefined }
  }
  const inputs = [sideStep('left'), sideStep('right')]
  const result = {
    graph,
    words,
    key: left.key ?? right.key,
    changesForMs: longer(left.changesForMs, right.changesForMs),
    demandOldValues: () => {
      demand.oldValues = true
      left.demandOldValues()
      right.demandOldValues()
    },
  }
  if (option.store === undefined) {
    const { name: node } = graph.addProcessor({ operator, inputs, create: merge })
    const view = joinedView(views, kept, joiner)
    return { ...result, from: { node, output: undefined }, value: undefined, view }
  }
  const name = storeNameOf(operator, option.store)
  const store = declareStore(graph, option.store, { key: result.key })
  const step = { operator, name: `${operator}(${name})`, inputs, stores: [name] }
  const { name: node } = graph.addProcessor({ ...step, create: storeJoined(name) })
  const from = { node, output: undefined }
  return {
    ...result,
    from,
    key: store.key,
    value: store.value,
    view: storeView(name, store.historyMs),
  }
}

const longer = (left: number | undefined, right: number | undefined): number | undefined =>
  left === undefined || right === undefined ? (left ?? right) : Math.max(left, right)
