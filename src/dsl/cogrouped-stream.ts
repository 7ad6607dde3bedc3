import type { Meta } from '../core/record.ts'
import { aggregate } from '../operators/aggregate.ts'
import { storeView } from '../operators/table-view.ts'
import { json } from '../serde/json.ts'
import type { Windowed } from '../serde/windowed-key.ts'
import { storeNameOf } from '../topology/key-value-store.ts'
import { declareStore } from './flow.ts'
import { foldSessions, foldWindows } from './fold-windows.ts'
import { flowsTo, foldingSteps } from './folding-steps.ts'
import type { GroupedStream, Grouping, StoreChoice } from './grouped-stream.ts'
import type { Table } from './table.ts'
import type { WindowedStoreChoice } from './windowed-table.ts'
import type { SessionsOf, TimeWindows } from './windows.ts'

interface CogroupedInput {
  readonly grouping: Grouping
  /** Typed where it was given: values of the streams have types of their own. */
  readonly add: (value: never, aggregate: never, meta: Meta<never>) => unknown
}

type Add<A> = (value: unknown, aggregate: A, meta: Meta) => A | null

const addsOf = <A>(inputs: readonly CogroupedInput[]) =>
  inputs.map(({ grouping, add }) => ({ grouping, add: add as unknown as Add<A> }))

const operator = 'cogroup'

/**
 * Streams by the same key, whose values come together in one aggregate (KIP-150). Records are taken
 * in the order of their timestamps. What is left out, and the timestamps of results, are as with
 * `aggregate`.
 */
export class CogroupedStream<out K, out V, in out A, in S = NonNullable<K>> {
  readonly #inputs: readonly CogroupedInput[]

  constructor(inputs: readonly CogroupedInput[]) {
    this.#inputs = inputs
  }

  /** Another stream, and how its values come into the aggregate. */
  cogroup<K2 extends K, V2>(
    other: GroupedStream<K2, V2, S>,
    add: (value: NonNullable<V2>, aggregate: A, meta: Meta<NonNullable<K>>) => A | null,
  ): CogroupedStream<K, V | V2, A, S> {
    return new CogroupedStream([...this.#inputs, { grouping: other['~grouping'], add }])
  }

  /** One aggregate for each window. `late` is given the late records of all streams. */
  windowedBy(windows: TimeWindows<K, V>): WindowedCogroup<NonNullable<K>, A, S>
  windowedBy(windows: SessionsOf<K, V>): SessionCogroup<NonNullable<K>, A, S>
  windowedBy(
    windowing: TimeWindows<K, V> | SessionsOf<K, V>,
  ): WindowedCogroup<NonNullable<K>, A, S> | SessionCogroup<NonNullable<K>, A, S> {
    return windowing.windows.kind === 'session'
      ? new SessionCogroup(this.#inputs, windowing as SessionsOf)
      : new WindowedCogroup(this.#inputs, windowing as TimeWindows)
  }

  /**
   * The aggregate of each key, JSON in its store unless that says otherwise. Null deletes the row,
   * and the next value of any stream starts from `initial()` again.
   */
  aggregate(
    initial: () => A,
    options: StoreChoice<NonNullable<K>, NonNullable<A>>,
  ): Table<NonNullable<K>, NonNullable<A>, S> {
    const name = storeNameOf(operator, options?.store)
    const inputs = addsOf<A>(this.#inputs)
    const flows = flowsTo(inputs, name)
    const [{ graph, words, key }] = flows
    const store = declareStore(graph, options.store, { key, value: json<unknown>() })
    const create = inputs.map(({ add }) => aggregate(name, initial, add))
    const { from } = foldingSteps(flows, { operator, store: name, create })
    return words.table({
      graph,
      words,
      from,
      key: key ?? store.key,
      value: store.value,
      demandOldValues: () => {},
      view: storeView(name),
    })
  }
}

/** Streams by key and window. A null value is left out by sliding windows only. */
export class WindowedCogroup<out K, in out A, in S = K> {
  readonly #inputs: readonly CogroupedInput[]
  readonly #windowing: TimeWindows

  constructor(inputs: readonly CogroupedInput[], windowing: TimeWindows) {
    this.#inputs = inputs
    this.#windowing = windowing
  }

  /** The aggregate of each key and window; null deletes it. */
  aggregate(
    initial: () => A,
    options: WindowedStoreChoice<K, NonNullable<A>>,
  ): Table<Windowed<K>, NonNullable<A>, Windowed<S>> {
    const folding = { operator, options, value: json<unknown>() }
    const inputs = addsOf<A | null>(this.#inputs).map(({ grouping, add }) => ({
      grouping,
      fold: { initial, add },
    }))
    return foldWindows<K, unknown, A, S>(this.#windowing, folding, inputs)
  }
}

/** Streams by key and session. */
export class SessionCogroup<out K, in out A, in S = K> {
  readonly #inputs: readonly CogroupedInput[]
  readonly #windowing: SessionsOf

  constructor(inputs: readonly CogroupedInput[], windowing: SessionsOf) {
    this.#inputs = inputs
    this.#windowing = windowing
  }

  /**
   * The aggregate of each key and session; `merge` joins what two sessions came to when a record
   * closes the gap between them. Null deletes the result.
   */
  aggregate(
    initial: () => A,
    merge: (left: A, right: A, meta: Meta<K>) => A,
    options: WindowedStoreChoice<K, NonNullable<A>>,
  ): Table<Windowed<K>, NonNullable<A>, Windowed<S>> {
    const folding = { operator, options, value: json<unknown>() }
    const inputs = addsOf<A | null>(this.#inputs).map(({ grouping, add }) => ({
      grouping,
      fold: {
        initial,
        add,
        merge: merge as (left: A | null, right: A, meta: Meta<K>) => A,
      },
    }))
    return foldSessions<K, unknown, A, S>(this.#windowing, folding, inputs)
  }
}
