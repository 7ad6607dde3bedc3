import type { Meta } from '../core/record.ts'
import {
  itself,
  type Aggregator,
  type ReversibleAggregator,
} from '../operators/aggregators/aggregator.ts'
import { deriveTable, type TableDemand } from '../operators/table-derive.ts'
import { derivedView } from '../operators/table-view.ts'
import { after, type TableFlow } from './flow.ts'
import type { Table } from './table.ts'

/** An aggregator's functions for the untyped operators, which hand its states back to it. */
interface UntypedFold<in V> {
  readonly initial: () => unknown
  readonly add: (value: V, state: unknown, meta: Meta) => unknown
  readonly merge: (earlier: unknown, later: unknown) => unknown
}
interface UntypedReversible<in V> extends UntypedFold<V> {
  readonly subtract: UntypedFold<V>['add']
}

export function foldOf<V>(aggregator: ReversibleAggregator<V, unknown>): UntypedReversible<V>
export function foldOf<V>(aggregator: Aggregator<V, unknown>): UntypedFold<V>
export function foldOf<V>(aggregator: Aggregator<V, unknown>): UntypedFold<V> {
  return aggregator as unknown as UntypedFold<V>
}

/** The table of what the states of an aggregator say; no row where that is null. */
export function resultTable<K, R, S>(
  { '~flow': states }: Table<K, unknown, S>,
  { result }: Aggregator<never, R>,
): Table<K, NonNullable<R>, S> {
  const { words } = states
  if ((result as unknown) === itself) return words.table(states)
  const derive = (state: unknown): R => result(state as never)
  const demand: TableDemand = { oldValues: false }
  const flow: TableFlow = {
    ...states,
    value: undefined,
    demandOldValues: () => {
      demand.oldValues = true
      states.demandOldValues()
    },
    view: states.view && derivedView(states.view, derive),
  }
  const create = deriveTable({ derive, skipsAbsent: false, demand, store: undefined })
  return words.table(after(flow, { operator: 'result', create }))
}
