import type { Meta } from '../core/record.ts'
import type { Aggregator } from '../operators/aggregators/aggregator.ts'
import { json } from '../serde/json.ts'
import type { Windowed } from '../serde/windowed-key.ts'
import type { AnySerde } from './flow.ts'
import { foldSessions, foldWindows, type Fold, type SessionFold } from './fold-windows.ts'
import type { Grouping } from './grouped-stream.ts'
import { foldOf, resultTable } from './result-table.ts'
import type { Table } from './table.ts'
import type { WindowedStoreChoice } from './windowed-table.ts'
import type { SessionsOf, TimeWindows } from './windows.ts'

type Folded<K, A, S> = Table<Windowed<K>, NonNullable<A>, Windowed<S>>

type Add<K, V> = (value: V, aggregate: unknown, meta: Meta<K>) => unknown
type Merge<K> = (left: unknown, right: unknown, meta: Meta<K>) => unknown

const addOne = (_: unknown, count: number | null): number => (count ?? 0) + 1

/**
 * Records by key and window. A null key is left out; a null value is not, but for sliding windows
 * (Kafka Streams' rules). The timestamp of a result is the largest of its records'.
 */
export class WindowedStream<out K, out V, in S = K> {
  readonly #grouping: Grouping
  readonly #windowing: TimeWindows

  constructor(grouping: Grouping, windowing: TimeWindows) {
    this.#grouping = grouping
    this.#windowing = windowing
  }

  /** How many records each key has in each window. */
  count(options: WindowedStoreChoice<K, number>): Folded<K, number, S> {
    return this.#table('count', options, json<number>() as AnySerde, {
      initial: () => 0,
      add: addOne,
    })
  }

  /** Combines the values; the first one is taken as it is, null deletes the result. */
  reduce(
    combine: (aggregate: NonNullable<V>, value: V, meta: Meta<K>) => NonNullable<V> | null,
    options: WindowedStoreChoice<K, NonNullable<V>>,
  ): Folded<K, V, S> {
    return this.#table('reduce', options, undefined, { initial: () => null, add: adding(combine) })
  }

  /** What an aggregator says of the values: `averageOf((order) => order.cents)`. */
  aggregate<R>(
    aggregator: Aggregator<V, R>,
    options: WindowedStoreChoice<K, unknown>,
  ): Folded<K, R, S>
  /** Folds the values into one of another type; null deletes the result. */
  aggregate<A>(
    initial: () => A,
    add: (value: V, aggregate: A, meta: Meta<K>) => A | null,
    options: WindowedStoreChoice<K, NonNullable<A>>,
  ): Folded<K, A, S>
  aggregate(
    ...args:
      | readonly [Aggregator<V, unknown>, WindowedStoreChoice<K, never>]
      | readonly [() => unknown, Add<K, V>, WindowedStoreChoice<K, never>]
  ): Folded<K, unknown, S> {
    if (args.length === 3) {
      const [initial, add, options] = args
      return this.#table('aggregate', options, json<unknown>(), { initial, add })
    }
    const [aggregator, options] = args
    const fold = foldOf(aggregator)
    return resultTable(this.#table('aggregate', options, json<unknown>(), fold), aggregator)
  }

  #table<A>(
    operator: string,
    options: WindowedStoreChoice<K, never>,
    value: AnySerde | undefined,
    fold: Fold<K, V, A>,
  ): Folded<K, A, S> {
    const inputs = [{ grouping: this.#grouping, fold }]
    return foldWindows(this.#windowing, { operator, options, value }, inputs)
  }
}

/** Records by key and session. The timestamp of a result is the end of its session. */
export class SessionStream<out K, out V, in S = K> {
  readonly #grouping: Grouping
  readonly #windowing: SessionsOf

  constructor(grouping: Grouping, windowing: SessionsOf) {
    this.#grouping = grouping
    this.#windowing = windowing
  }

  /** How many records each session has. */
  count(options: WindowedStoreChoice<K, number>): Folded<K, number, S> {
    return this.#table<number>('count', options, json<number>() as AnySerde, {
      initial: () => 0,
      add: addOne,
      merge: (left, right) => (left ?? 0) + right,
    })
  }

  /** Combines the values; the first one is taken as it is, null deletes the result. */
  reduce(
    combine: (aggregate: NonNullable<V>, value: V, meta: Meta<K>) => NonNullable<V> | null,
    options: WindowedStoreChoice<K, NonNullable<V>>,
  ): Folded<K, V, S> {
    const add = adding(combine)
    return this.#table<NonNullable<V>>('reduce', options, undefined, {
      initial: () => null,
      add,
      merge: (left, right, meta) => add(right, left, meta),
    })
  }

  /** What an aggregator says of the values: `averageOf((order) => order.cents)`. */
  aggregate<R>(
    aggregator: Aggregator<V, R>,
    options: WindowedStoreChoice<K, unknown>,
  ): Folded<K, R, S>
  /**
   * Folds the values into one of another type; `merge` joins what two sessions came to when a
   * record closes the gap between them. Null deletes the result.
   */
  aggregate<A>(
    initial: () => A,
    add: (value: V, aggregate: A, meta: Meta<K>) => A | null,
    merge: (left: A, right: A, meta: Meta<K>) => A,
    options: WindowedStoreChoice<K, NonNullable<A>>,
  ): Folded<K, A, S>
  aggregate(
    ...args:
      | readonly [Aggregator<V, unknown>, WindowedStoreChoice<K, never>]
      | readonly [() => unknown, Add<K, V>, Merge<K>, WindowedStoreChoice<K, never>]
  ): Folded<K, unknown, S> {
    if (args.length === 4) {
      const [initial, add, merge, options] = args
      return this.#table('aggregate', options, json<unknown>(), { initial, add, merge })
    }
    const [aggregator, options] = args
    const fold = foldOf(aggregator)
    return resultTable(this.#table('aggregate', options, json<unknown>(), fold), aggregator)
  }

  #table<A>(
    operator: string,
    options: WindowedStoreChoice<K, never>,
    value: AnySerde | undefined,
    fold: SessionFold<K, V, A>,
  ): Folded<K, A, S> {
    const inputs = [{ grouping: this.#grouping, fold }]
    return foldSessions(this.#windowing, { operator, options, value }, inputs)
  }
}

const adding =
  <K, V>(combine: (aggregate: NonNullable<V>, value: V, meta: Meta<K>) => NonNullable<V> | null) =>
  (value: V, aggregate: NonNullable<V> | null, meta: Meta<K>): NonNullable<V> | null =>
    aggregate === null ? (value ?? null) : combine(aggregate, value, meta)
