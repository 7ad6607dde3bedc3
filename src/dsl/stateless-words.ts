import type { Meta } from '../core/record.ts'
import { filter } from '../operators/filter.ts'
import { flatMap } from '../operators/flat-map.ts'
import { flatMapValues } from '../operators/flat-map-values.ts'
import { map } from '../operators/map.ts'
import { mapValues } from '../operators/map-values.ts'
import { peek } from '../operators/peek.ts'
import { selectKey } from '../operators/select-key.ts'
import type { SinkTopic } from '../topology/topic.ts'
import { after, type Flow, type Step } from './flow.ts'
import { mergeFlows } from './merge.ts'
import { stepOf, type NamedStepOptions } from './retry.ts'
import { sinkTarget } from './sink.ts'
import { splitFlow, type Branches, type Predicates } from './split.ts'
import type { SinkOptions } from './stream-options.ts'
import type { Stream } from './stream.ts'

/**
 * The words of a stream that look at one record at a time and keep nothing. Each takes a name, by
 * which it is called in descriptions, errors and dead letters, and may try a record again that it
 * failed on: `mapValues(charge, { name: 'charge', retry: { attempts: 3, backoff: fixed('1s') } })`.
 */
export abstract class StatelessWords<out K, out V, in S = NonNullable<K>> {
  /** @internal Holds a type. */
  declare readonly '~serde'?: (key: S) => void
  /** @internal */
  readonly '~flow': Flow

  constructor(flow: Flow) {
    this['~flow'] = flow
  }

  /** Keeps the records that the predicate is true for; a type guard narrows the stream. */
  filter<U extends V>(
    predicate: (value: V, meta: Meta<K>) => value is U,
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K, U, S>
  filter(
    predicate: (value: V, meta: Meta<K>) => boolean,
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K, V, S>
  filter(
    predicate: (value: V, meta: Meta<K>) => boolean,
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K, V, S> {
    return this.after('filter', filter(predicate, true), {}, options)
  }

  /** Keeps the records that the predicate is false for. */
  filterNot<U extends V>(
    predicate: (value: V, meta: Meta<K>) => value is U,
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K, Exclude<V, U>, S>
  filterNot(
    predicate: (value: V, meta: Meta<K>) => boolean,
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K, V, S>
  filterNot(
    predicate: (value: V, meta: Meta<K>) => boolean,
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K, V, S> {
    return this.after('filter-not', filter(predicate, false), {}, options)
  }

  /** A new key and value for each record. A stateful step that follows goes through a topic. */
  map<K2, V2>(
    mapper: (value: V, meta: Meta<K>) => readonly [key: K2, value: V2],
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K2, V2, S> {
    return this.after('map', map(mapper), { value: undefined, rekeyed: true }, options)
  }

  /** A new value for each record, tombstones included. */
  mapValues<V2>(
    mapper: (value: V, meta: Meta<K>) => V2,
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K, V2, S> {
    return this.after('map-values', mapValues(mapper), { value: undefined }, options)
  }

  /** Any number of records, in order, for each one. */
  flatMap<K2, V2>(
    mapper: (value: V, meta: Meta<K>) => Iterable<readonly [key: K2, value: V2]>,
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K2, V2, S> {
    const changes = { value: undefined, rekeyed: true }
    return this.after('flat-map', flatMap(mapper), changes, options)
  }

  /** Any number of values, in order, for each record. */
  flatMapValues<V2>(
    mapper: (value: V, meta: Meta<K>) => Iterable<V2>,
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K, V2, S> {
    return this.after('flat-map-values', flatMapValues(mapper), { value: undefined }, options)
  }

  /** A new key for each record. A stateful step that follows goes through a topic. */
  selectKey<K2>(
    select: (value: V, meta: Meta<K>) => K2,
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K2, V, S> {
    return this.after('select-key', selectKey(select), { rekeyed: true }, options)
  }

  /**
   * Shows each record to a callback. It is shown again when it is processed again after a crash.
   */
  peek(
    action: (value: V, meta: Meta<K>) => void,
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K, V, S> {
    return this.after('peek', peek(action), {}, options)
  }

  /** As `peek`, at the end of a stream. */
  forEach(
    action: (value: V, meta: Meta<K>) => void,
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): void {
    this.after('for-each', peek(action), {}, options)
  }

  /**
   * The records of both. What is kept by key afterwards needs equal partition counts of their
   * topics.
   */
  merge<K2, V2, S2>(other: Stream<K2, V2, S2>): Stream<K | K2, V | V2, S & S2> {
    const flow = mergeFlows(this['~flow'], other['~flow'])
    return flow.words.stream(flow)
  }

  /**
   * Sends each record to the first branch, in the order they are written, whose predicate is true,
   * or else to `default`: `const { large, default: rest } = orders.split({ large: (order) => … })`.
   * @typeParam P The branches: a predicate for each name.
   */
  split<const P extends Predicates<K, V>>(branches: P): Branches<K, V, S, P> {
    const entries = Object.entries(splitFlow(this['~flow'], branches))
    return Object.fromEntries(
      entries.map(([name, flow]) => [name, flow.words.stream<K, V, S>(flow)]),
    ) as unknown as Branches<K, V, S, P>
  }

  /** Writes to a topic, or to the one that a function chooses for each record. */
  to(
    target: SinkTopic<K, V> | ((value: V, meta: Meta<K>) => SinkTopic<K, V>),
    options: SinkOptions<K, V> = {},
  ): void {
    const { graph, from } = this['~flow']
    graph.addSink({
      inputs: [from],
      target: sinkTarget(target),
      partition: options.partition as SinkOptions<unknown, unknown>['partition'],
    })
  }

  protected after<K2 = K, V2 = V>(
    operator: string,
    create: Step['create'],
    changes: Parameters<typeof after>[2],
    options?: NamedStepOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K2, V2, S> {
    const step = stepOf(this['~flow'], { operator, create }, options)
    const flow = after(this['~flow'], step, changes)
    return flow.words.stream(flow)
  }
}
