import type { Meta } from '../core/record.ts'
import { deriveTable, type TableDemand } from '../operators/table-derive.ts'
import { derivedView, storeView } from '../operators/table-view.ts'
import { tableToStream } from '../operators/table-to-stream.ts'
import type { Serde } from '../serde/serde.ts'
import { storeNameOf } from '../topology/key-value-store.ts'
import type { AnyTableStoreOption, TableStoreOption } from '../topology/versioned-store.ts'
import { addStep, after, declareStore, erased, type TableFlow } from './flow.ts'
import { joinByForeignKey, type ForeignKeyOptions } from './foreign-key-join.ts'
import { GroupedTable, groupTable } from './grouped-table.ts'
import type { Stream } from './stream.ts'
import type { GroupOptions } from './stream-options.ts'
import { suppressTable, type SuppressOptions, type Suppression } from './suppression.ts'
import { joinTables, type TableTableOptions } from './table-table-join.ts'

/**
 * The latest value of each key, changing with every update (Kafka Streams' KTable). Callbacks see
 * rows, never deletions. An update that changes nothing is an update all the same.
 */
export class Table<out K, out V, in S = NonNullable<K>> {
  /** @internal Holds a type. */
  declare readonly '~serde'?: (key: S) => void
  /** @internal */
  readonly '~flow': TableFlow

  constructor(flow: TableFlow) {
    this['~flow'] = flow
  }

  /**
   * The rows that the predicate is true for. Every update of another row is forwarded as a
   * deletion, unless a step further on needs old values: then only that of a row which was here.
   */
  filter<U extends V>(
    predicate: (value: V, meta: Meta<K>) => value is U,
    options?: { readonly store?: TableStoreOption<K, U> },
  ): Table<K, U, S>
  filter(
    predicate: (value: V, meta: Meta<K>) => boolean,
    options?: { readonly store?: TableStoreOption<K, V> },
  ): Table<K, V, S>
  filter(
    predicate: (value: V, meta: Meta<K>) => boolean,
    options: { readonly store?: AnyTableStoreOption } = {},
  ): Table<K, V, S> {
    return this.#filtered(
      'filter',
      (value, meta) => (predicate(value, meta) ? value : null),
      options,
    )
  }

  /** The rows that the predicate is false for; see `filter`. */
  filterNot(
    predicate: (value: V, meta: Meta<K>) => boolean,
    options: { readonly store?: TableStoreOption<K, V> } = {},
  ): Table<K, V, S> {
    return this.#filtered(
      'filter-not',
      (value, meta) => (predicate(value, meta) ? null : value),
      options,
    )
  }

  /** A value for each row; null where this table has no such row. */
  mapValues<V2>(
    mapper: (value: V, meta: Meta<K>) => V2,
    options: { readonly store?: TableStoreOption<K, NonNullable<V2>> } = {},
  ): Table<K, NonNullable<V2>, S> {
    return this.#derived('map-values', { derive: mapper, skipsAbsent: false }, options, undefined)
  }

  /**
   * The rows of keys that both tables have, of two values; null where there is no such row. An
   * update of either table is one of this table, with the larger timestamp of the two rows. Do not
   * join two tables that are made of one: as in Kafka Streams, a deletion that takes both rows at
   * once finds no partner and is not seen.
   *
   * With `foreignKey`, each row is joined with the other table's row by the key that is in it; a
   * row without such a key has none. The topics between them are called after `name`.
   */
  join<V2, W>(
    other: Table<K, V2, never>,
    joiner: (value: V, otherValue: V2, meta: Meta<K>) => W,
    options?: TableTableOptions<K, W>,
  ): Table<K, NonNullable<W>, S>
  join<K2, V2, W>(
    other: Table<K2, V2, never>,
    joiner: (value: V, otherValue: V2, meta: Meta<K>) => W,
    options: ForeignKeyOptions<K, V, K2, W>,
  ): Table<K, NonNullable<W>, S>
  join<V2, W>(
    other: Table<never, V2, never>,
    joiner: (value: V, otherValue: V2 & null, meta: Meta<K>) => W,
    options: TableTableOptions<K, W> | ForeignKeyOptions<K, V, never, W> = {},
  ): Table<K, NonNullable<W>, S> {
    const tables = { left: this['~flow'], right: other['~flow'] }
    return new Table(
      'foreignKey' in options
        ? joinByForeignKey(false, tables, joiner, options)
        : joinTables('join', tables, joiner, options),
    )
  }

  /** As `join`, with the rows that the other table has no row for. */
  leftJoin<V2, W>(
    other: Table<K, V2, never>,
    joiner: (value: V, otherValue: V2 | null, meta: Meta<K>) => W,
    options?: TableTableOptions<K, W>,
  ): Table<K, NonNullable<W>, S>
  leftJoin<K2, V2, W>(
    other: Table<K2, V2, never>,
    joiner: (value: V, otherValue: V2 | null, meta: Meta<K>) => W,
    options: ForeignKeyOptions<K, V, K2, W>,
  ): Table<K, NonNullable<W>, S>
  leftJoin<V2, W>(
    other: Table<never, V2, never>,
    joiner: (value: V, otherValue: V2 & null, meta: Meta<K>) => W,
    options: TableTableOptions<K, W> | ForeignKeyOptions<K, V, never, W> = {},
  ): Table<K, NonNullable<W>, S> {
    const tables = { left: this['~flow'], right: other['~flow'] }
    return new Table(
      'foreignKey' in options
        ? joinByForeignKey(true, tables, joiner, options)
        : joinTables('left-join', tables, joiner, options),
    )
  }

  /** As `join`, with the rows of either table that the other one has no row for. */
  outerJoin<V2, W>(
    other: Table<K, V2, never>,
    joiner: (value: V | null, otherValue: V2 | null, meta: Meta<K>) => W,
    options: TableTableOptions<K, W> = {},
  ): Table<K, NonNullable<W>, S> {
    const tables = { left: this['~flow'], right: other['~flow'] }
    return new Table(joinTables('outer-join', tables, joiner, options))
  }

  /**
   * Holds updates back until their window has closed, or for a time: of those of a key only the
   * last one goes on. They wait in the store.
   */
  suppress(until: Suppression<K>, options: SuppressOptions<K, V>): Table<K, V, S> {
    return new Table(suppressTable(this['~flow'], until, options))
  }

  /** Every update as a record; a deletion has the value null. */
  toStream(): Stream<K, V | null, S> {
    const { graph, words, key, value } = this['~flow']
    const { name: node } = addStep(this['~flow'], { operator: 'to-stream', create: tableToStream })
    return words.stream({
      graph,
      words,
      from: { node, output: undefined },
      key,
      value,
      rekeyed: false,
    })
  }

  /**
   * For aggregations over rows by another key, through a topic called after `name`. A row that
   * changes is subtracted from its old group and added to its new one. A null key or value belongs
   * to no group.
   */
  groupBy<K2 extends S, V2>(
    select: (value: V, meta: Meta<K>) => readonly [key: K2 | null, value: V2],
    options: GroupOptions<K2, V2> & { readonly name: string },
  ): GroupedTable<NonNullable<K2>, NonNullable<V2>, S>
  groupBy<S2, K2 extends S2, V2>(
    select: (value: V, meta: Meta<K>) => readonly [key: K2 | null, value: V2],
    options: GroupOptions<K2, V2> & { readonly name: string; readonly key: Serde<S2> },
  ): GroupedTable<NonNullable<K2>, NonNullable<V2>, S2>
  groupBy<K2, V2>(
    select: (value: V, meta: Meta<K>) => readonly [key: K2 | null, value: V2],
    options: GroupOptions<K2, V2> & { readonly name: string },
  ): GroupedTable<NonNullable<K2>, NonNullable<V2>, never> {
    return new GroupedTable(groupTable(this['~flow'], options.name, erased(options), select))
  }

  #filtered(
    operator: string,
    derive: (value: V, meta: Meta<K>) => V | null,
    options: { readonly store?: AnyTableStoreOption },
  ): Table<K, V, S> {
    return this.#derived(operator, { derive, skipsAbsent: true }, options, this['~flow'].value)
  }

  #derived<V2>(
    operator: string,
    {
      derive,
      skipsAbsent,
    }: {
      readonly derive: (value: V, meta: Meta<K>) => V2 | null
      readonly skipsAbsent: boolean
    },
    option: { readonly store?: AnyTableStoreOption },
    value: TableFlow['value'],
  ): Table<K, NonNullable<V2>, S> {
    const flow = this['~flow']
    const demand: TableDemand = { oldValues: false }
    const demandOldValues = (): void => {
      demand.oldValues = true
      if (option.store === undefined) flow.demandOldValues()
    }
    const view = flow.view && derivedView(flow.view, derive)
    const isVersioned = view?.historyMs !== undefined
    const rule = { derive, demand, skipsAbsent: skipsAbsent && !isVersioned }
    const next = { ...flow, value, demandOldValues, view }
    if (option.store === undefined) {
      const create = deriveTable({ ...rule, store: undefined })
      return new Table(after(next, { operator, create }))
    }
    const name = storeNameOf(operator, option.store)
    const store = declareStore(flow.graph, option.store, { key: flow.key, value })
    const create = deriveTable({ ...rule, store: name })
    const step = { operator, name: `${operator}(${name})`, stores: [name], create }
    return new Table({
      ...after(next, step),
      value: store.value,
      view: storeView(name, store.historyMs),
    })
  }
}
