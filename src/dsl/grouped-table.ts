import type { Meta } from '../core/record.ts'
import type { ReversibleAggregator } from '../operators/aggregators/aggregator.ts'
import { changeSerde } from '../operators/change-serde.ts'
import { tableAggregate } from '../operators/table-aggregate.ts'
import { tableGroupBy } from '../operators/table-group-by.ts'
import { json } from '../serde/json.ts'
import { storeNameOf } from '../topology/key-value-store.ts'
import type { OperatorFactory } from '../topology/processor.ts'
import type { AnyTableStoreOption } from '../topology/versioned-store.ts'
import {
  after,
  declareStore,
  repartition,
  storeStep,
  unknownKey,
  type AnySerde,
  type Flow,
  type SerdeOverrides,
  type TableFlow,
} from './flow.ts'
import type { AnyStoreChoice, StoreChoice } from './grouped-stream.ts'
import { foldOf, resultTable } from './result-table.ts'
import type { Table } from './table.ts'

type Change<K, V> = (value: V, aggregate: unknown, meta: Meta<K>) => unknown

export interface TableGrouping {
  /** Changes by group. */
  readonly flow: () => Flow
  /** How a member of a group is written; a reduce keeps one. */
  readonly member: AnySerde
}

/** Rows of a table by group, for aggregations that add what comes and subtract what goes. */
export class GroupedTable<out K, out V, in S = NonNullable<K>> {
  /** @internal Holds a type. */
  declare readonly '~serde'?: (key: S) => void
  readonly #grouping: TableGrouping

  constructor(grouping: TableGrouping) {
    this.#grouping = grouping
  }

  /** How many rows each group has; a group that was emptied stays, with 0, as in Kafka Streams. */
  count(options: StoreChoice<K, number>): Table<K, number, S> {
    return this.#table('count', options, json<number>() as AnySerde, (store) =>
      tableAggregate<K, V, number>(store, {
        initial: () => 0,
        add: (_, count) => count + 1,
        subtract: (_, count) => count - 1,
      }),
    )
  }

  /** Combines the rows of each group; the first is taken as it is. Null deletes the group. */
  reduce(
    add: (aggregate: V, value: V, meta: Meta<K>) => V | null,
    subtract: (aggregate: V, value: V, meta: Meta<K>) => V | null,
    options: StoreChoice<K, V>,
  ): Table<K, V, S> {
    return this.#table('reduce', options, this.#grouping.member, (store) =>
      tableAggregate<K, V, V>(store, {
        initial: undefined,
        add: (value, aggregate, meta) => add(aggregate, value, meta),
        subtract: (value, aggregate, meta) => subtract(aggregate, value, meta),
      }),
    )
  }

  /**
   * What an aggregator says of the rows of each group, one that can take back what it was given:
   * `countOf`, `sumOf`, `averageOf`, or `allOf` of those.
   */
  aggregate<R>(
    aggregator: ReversibleAggregator<V, R>,
    options: StoreChoice<K, unknown>,
  ): Table<K, NonNullable<R>, S>
  /**
   * Folds the rows of each group: `subtract` is given what an update replaced, then `add` what it
   * brought. Null deletes the group, and the next row starts from `initial()` again.
   */
  aggregate<A>(
    initial: () => A,
    add: (value: V, aggregate: A, meta: Meta<K>) => A | null,
    subtract: (value: V, aggregate: A, meta: Meta<K>) => A | null,
    options: StoreChoice<K, NonNullable<A>>,
  ): Table<K, NonNullable<A>, S>
  aggregate(
    ...args:
      | readonly [ReversibleAggregator<V, unknown>, AnyStoreChoice]
      | readonly [() => unknown, Change<K, V>, Change<K, V>, AnyStoreChoice]
  ): Table<K, unknown, S> {
    const folded = (
      initial: () => unknown,
      [add, subtract]: readonly [Change<K, V>, Change<K, V>],
      options: AnyStoreChoice,
    ): Table<K, unknown, S> =>
      this.#table('aggregate', options, json<unknown>(), (store) =>
        tableAggregate<K, V, unknown>(store, { initial, add, subtract }),
      )
    if (args.length === 4) {
      const [initial, add, subtract, options] = args
      return folded(initial, [add, subtract], options)
    }
    const [aggregator, options] = args
    const { initial, add, subtract } = foldOf(aggregator)
    return resultTable(folded(initial, [add, subtract], options), aggregator)
  }

  #table<A>(
    operator: string,
    options: { readonly store: AnyTableStoreOption } | undefined,
    value: AnySerde,
    create: (store: string) => OperatorFactory,
  ): Table<K, A, S> {
    const name = storeNameOf(operator, options?.store)
    const flow = this.#grouping.flow()
    const store = declareStore(flow.graph, options?.store ?? name, { key: flow.key, value })
    return flow.words.table(storeStep(flow, operator, store, create(name)))
  }
}

/** Sends the updates of a table to their groups. The topic is added with the first aggregation. */
export function groupTable(
  table: TableFlow,
  name: string,
  serdes: SerdeOverrides,
  select: (value: never, meta: Meta<never>) => readonly [unknown, unknown],
): TableGrouping {
  const key = serdes.key ?? table.key
  if (key === undefined) throw unknownKey(`groupBy "${name}"`)
  const member = serdes.value ?? json<unknown>()
  let grouped: Flow | undefined
  const group = (): Flow => {
    table.demandOldValues()
    const selected = after(
      { ...table, rekeyed: true },
      {
        operator: 'group-by',
        name: `group-by(${name})`,
        create: tableGroupBy(select, key),
      },
    )
    const value = changeSerde(member) as AnySerde
    return repartition(selected, { name, key, value })
  }
  return { member, flow: () => (grouped ??= group()) }
}
