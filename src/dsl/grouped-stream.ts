import type { Meta } from '../core/record.ts'
import { aggregate } from '../operators/aggregate.ts'
import type { Aggregator } from '../operators/aggregators/aggregator.ts'
import { reduce } from '../operators/reduce.ts'
import { selectKey } from '../operators/select-key.ts'
import { json } from '../serde/json.ts'
import { storeNameOf } from '../topology/key-value-store.ts'
import type { AnyTableStoreOption, TableStoreOption } from '../topology/versioned-store.ts'
import { CogroupedStream } from './cogrouped-stream.ts'
import {
  after,
  declareStore,
  repartition,
  storeStep,
  type AnySerde,
  type Flow,
  type SerdeOverrides,
} from './flow.ts'
import { foldOf, resultTable } from './result-table.ts'
import type { Table } from './table.ts'
import { SessionStream, WindowedStream } from './windowed-stream.ts'
import type { SessionsOf, TimeWindows } from './windows.ts'

/** Where the result is kept: the name is what Kafka and queries will know it by. */
export interface StoreChoice<K, V> {
  readonly store: TableStoreOption<K, V>
}

export interface AnyStoreChoice {
  readonly store: AnyTableStoreOption
}

type Add<K, V> = (value: NonNullable<V>, aggregate: unknown, meta: Meta<NonNullable<K>>) => unknown

/** How records come to the partition of their key. */
export interface Grouping {
  /** The flow for an aggregation into this store. */
  readonly flowTo: (store: string) => Flow
}

/** By another key, through a topic, which is added with the first aggregation. */
export function groupBy(
  flow: Flow,
  name: string,
  serdes: SerdeOverrides,
  select: (value: never, meta: Meta<never>) => unknown,
): Grouping {
  let grouped: Flow | undefined
  const step = { operator: 'select-key', name: `select-key(${name})`, create: selectKey(select) }
  const group = (): Flow => repartition(after(flow, step, { rekeyed: true }), { ...serdes, name })
  return { flowTo: () => (grouped ??= group()) }
}

/**
 * Records by key. Aggregations leave out a null key or value (counted as dropped). The timestamp of
 * a result is the largest of its records'. Every record gives an update; a result that did not
 * change is forwarded too, as in Kafka Streams.
 */
export class GroupedStream<out K, out V, in S = NonNullable<K>> {
  /** @internal Holds a type. */
  declare readonly '~serde'?: (key: S) => void
  /** @internal */
  readonly '~grouping': Grouping

  constructor(grouping: Grouping) {
    this['~grouping'] = grouping
  }

  /**
   * For one table of several streams: `add` says how a value of this one comes into the aggregate,
   * and `cogroup` of the result adds another stream.
   */
  cogroup<A>(
    add: (value: NonNullable<V>, aggregate: A, meta: Meta<NonNullable<K>>) => A | null,
  ): CogroupedStream<NonNullable<K>, V, A, S> {
    return new CogroupedStream([{ grouping: this['~grouping'], add }])
  }

  /** For aggregations by window: `tumbling`, `hopping`, `sliding`, `session` or `unlimited`. */
  windowedBy(windows: TimeWindows<K, V>): WindowedStream<NonNullable<K>, V, S>
  windowedBy(windows: SessionsOf<K, V>): SessionStream<NonNullable<K>, V, S>
  windowedBy(
    windowing: TimeWindows<K, V> | SessionsOf<K, V>,
  ): WindowedStream<NonNullable<K>, V, S> | SessionStream<NonNullable<K>, V, S> {
    return windowing.windows.kind === 'session'
      ? new SessionStream(this['~grouping'], windowing as SessionsOf)
      : new WindowedStream(this['~grouping'], windowing as TimeWindows)
  }

  /** How many records each key has had. */
  count(options: StoreChoice<NonNullable<K>, number>): Table<NonNullable<K>, number, S> {
    const add = (_: unknown, count: number): number => count + 1
    return this.#table('count', options, json<number>() as AnySerde, (name) =>
      aggregate(name, () => 0, add),
    )
  }

  /**
   * Combines the values of each key. The first value is taken as it is; null deletes the row, and
   * the next value is then a first one.
   */
  reduce(
    combine: (
      aggregate: NonNullable<V>,
      value: NonNullable<V>,
      meta: Meta<NonNullable<K>>,
    ) => NonNullable<V> | null,
    options: StoreChoice<NonNullable<K>, NonNullable<V>>,
  ): Table<NonNullable<K>, NonNullable<V>, S> {
    return this.#table('reduce', options, undefined, (name) => reduce(name, combine))
  }

  /**
   * What an aggregator says of the values of each key: `averageOf((order) => order.cents)`. Its
   * state is kept as JSON.
   */
  aggregate<R>(
    aggregator: Aggregator<NonNullable<V>, R>,
    options: StoreChoice<NonNullable<K>, unknown>,
  ): Table<NonNullable<K>, NonNullable<R>, S>
  /**
   * Folds the values of each key into a value of another type, JSON in its store unless that says
   * otherwise. Null deletes the row, and the next value starts from `initial()` again. The value
   * comes first, as in Kafka Streams' Aggregator; treat the aggregate as immutable.
   */
  aggregate<A>(
    initial: () => A,
    add: (value: NonNullable<V>, aggregate: A, meta: Meta<NonNullable<K>>) => A | null,
    options: StoreChoice<NonNullable<K>, NonNullable<A>>,
  ): Table<NonNullable<K>, NonNullable<A>, S>
  aggregate(
    ...args:
      | readonly [Aggregator<NonNullable<V>, unknown>, AnyStoreChoice]
      | readonly [() => unknown, Add<K, V>, AnyStoreChoice]
  ): Table<NonNullable<K>, unknown, S> {
    if (args.length === 3) {
      const [initial, add, options] = args
      return this.#folded(initial, add, options)
    }
    const [aggregator, options] = args
    const { initial, add } = foldOf(aggregator)
    return resultTable(this.#folded(initial, add, options), aggregator)
  }

  #folded(
    initial: () => unknown,
    add: Add<K, V>,
    options: AnyStoreChoice,
  ): Table<NonNullable<K>, unknown, S> {
    const serde = json<unknown>()
    return this.#table('aggregate', options, serde, (name) => aggregate(name, initial, add))
  }

  #table<A>(
    operator: string,
    options: { readonly store: AnyTableStoreOption } | undefined,
    valueSerde: AnySerde | undefined,
    create: (store: string) => Parameters<typeof storeStep>[3],
  ): Table<NonNullable<K>, NonNullable<A>, S> {
    const name = storeNameOf(operator, options?.store)
    const flow = this['~grouping'].flowTo(name)
    const store = declareStore(flow.graph, options?.store ?? name, {
      key: flow.key,
      value: valueSerde ?? flow.value,
    })
    return flow.words.table(storeStep(flow, operator, store, create(name)))
  }
}
