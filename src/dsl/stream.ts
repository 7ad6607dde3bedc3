import type { Meta } from '../core/record.ts'
import type { Decider } from '../operators/decide.ts'
import { filter } from '../operators/filter.ts'
import { flatMap } from '../operators/flat-map.ts'
import { flatMapValues } from '../operators/flat-map-values.ts'
import { map } from '../operators/map.ts'
import { mapValues } from '../operators/map-values.ts'
import { peek } from '../operators/peek.ts'
import { process, processValues } from '../operators/process.ts'
import { selectKey } from '../operators/select-key.ts'
import { tableSource } from '../operators/table-source.ts'
import type { Serde } from '../serde/serde.ts'
import type { FixedKeyProcessor } from '../topology/fixed-key-processor.ts'
import type { ProcessorDraft } from '../topology/graph-builder.ts'
import { storeNameOf, type StoreOption } from '../topology/key-value-store.ts'
import type { Processor, SideOutput } from '../topology/processor.ts'
import type { SerdeFor } from '../topology/serde-for.ts'
import type { SinkTopic } from '../topology/topic.ts'
import { decideFlow, type Decided } from './decided.ts'
import {
  addStep,
  after,
  declareStore,
  erased,
  keyed,
  repartition,
  storeStep,
  type Flow,
  type Step,
} from './flow.ts'
import { groupBy, GroupedStream } from './grouped-stream.ts'
import { mergeFlows } from './merge.ts'
import { processStep } from './process-step.ts'
import { sinkTarget } from './sink.ts'
import { splitFlow, type Branches, type Predicates } from './split.ts'
import type {
  GroupOptions,
  ProcessOptions,
  RepartitionOptions,
  SinkOptions,
} from './stream-options.ts'
import { joinWithTable, type TableJoinOptions } from './stream-table-join.ts'
import type { Table } from './table.ts'

/**
 * Records as they come, each a fact of its own (Kafka Streams' KStream). Callbacks are given the
 * value first, then `meta` (key, timestampMs, headers, topic, partition, offset), which is valid
 * during the call only.
 *
 * `S` is the type that the key serde can write. A step that makes keys of another type leaves it
 * behind, and then a step that needs a serde requires one: `{ key: int32 }`. Values that a step
 * made are written as JSON where no serde is given.
 */
export class Stream<out K, out V, in S = NonNullable<K>> {
  declare readonly '~serde'?: (key: S) => void
  readonly '~flow': Flow

  constructor(flow: Flow) {
    this['~flow'] = flow
  }

  /** Keeps the records that the predicate is true for; a type guard narrows the stream. */
  filter<U extends V>(predicate: (value: V, meta: Meta<K>) => value is U): Stream<K, U, S>
  filter(predicate: (value: V, meta: Meta<K>) => boolean): Stream<K, V, S>
  filter(predicate: (value: V, meta: Meta<K>) => boolean): Stream<K, V, S> {
    return this.#after('filter', filter(predicate, true), {})
  }

  /** Keeps the records that the predicate is false for. */
  filterNot<U extends V>(
    predicate: (value: V, meta: Meta<K>) => value is U,
  ): Stream<K, Exclude<V, U>, S>
  filterNot(predicate: (value: V, meta: Meta<K>) => boolean): Stream<K, V, S>
  filterNot(predicate: (value: V, meta: Meta<K>) => boolean): Stream<K, V, S> {
    return this.#after('filter-not', filter(predicate, false), {})
  }

  /** A new key and value for each record. A stateful step that follows goes through a topic. */
  map<K2, V2>(mapper: (value: V, meta: Meta<K>) => readonly [key: K2, value: V2]) {
    return this.#after<K2, V2>('map', map(mapper), { value: undefined, rekeyed: true })
  }

  /** A new value for each record, tombstones included. */
  mapValues<V2>(mapper: (value: V, meta: Meta<K>) => V2): Stream<K, V2, S> {
    return this.#after('map-values', mapValues(mapper), { value: undefined })
  }

  /** Any number of records, in order, for each one. */
  flatMap<K2, V2>(mapper: (value: V, meta: Meta<K>) => Iterable<readonly [key: K2, value: V2]>) {
    return this.#after<K2, V2>('flat-map', flatMap(mapper), { value: undefined, rekeyed: true })
  }

  /** Any number of values, in order, for each record. */
  flatMapValues<V2>(mapper: (value: V, meta: Meta<K>) => Iterable<V2>): Stream<K, V2, S> {
    return this.#after('flat-map-values', flatMapValues(mapper), { value: undefined })
  }

  /** A new key for each record. A stateful step that follows goes through a topic. */
  selectKey<K2>(select: (value: V, meta: Meta<K>) => K2): Stream<K2, V, S> {
    return this.#after('select-key', selectKey(select), { rekeyed: true })
  }

  /**
   * Shows each record to a callback. It is shown again when it is processed again after a crash.
   */
  peek(action: (value: V, meta: Meta<K>) => void): Stream<K, V, S> {
    return this.#after('peek', peek(action), {})
  }

  /** As `peek`, at the end of a stream. */
  forEach(action: (value: V, meta: Meta<K>) => void): void {
    addStep(this['~flow'], { operator: 'for-each', create: peek(action) })
  }

  /**
   * The records of both. What is kept by key afterwards needs equal partition counts of their
   * topics.
   */
  merge<K2, V2, S2>(other: Stream<K2, V2, S2>): Stream<K | K2, V | V2, S & S2> {
    return new Stream(mergeFlows(this['~flow'], other['~flow']))
  }

  /**
   * Sends each record to the first branch, in the order they are written, whose predicate is true,
   * or else to `default`: `const { large, default: rest } = orders.split({ large: (order) => … })`.
   */
  split<const P extends Predicates<K, V>>(branches: P): Branches<K, V, S, P> {
    const entries = Object.entries(splitFlow(this['~flow'], branches))
    return Object.fromEntries(
      entries.map(([name, flow]) => [name, new Stream<K, V, S>(flow)]),
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

  /**
   * Through an internal topic, so that equal keys meet in one partition. Null keys are left out.
   */
  repartition(this: Stream<S | null, V, never>, options: RepartitionOptions<K, V>): Stream<K, V, S>
  repartition<S2>(
    this: Stream<S2 | null, V, never>,
    options: RepartitionOptions<K, V> & { readonly key: Serde<S2> },
  ): Stream<K, V, S2>
  repartition(options: RepartitionOptions<K, V>): Stream<K, V, never> {
    const { name, partitions } = options
    const request = { ...erased(options), name, partitions }
    return new Stream(repartition(this['~flow'], request))
  }

  /** The latest value of each key; a null value deletes its row. Null keys are left out. */
  toTable(
    this: Stream<S | null, V, never>,
    options: { readonly store: StoreOption<NonNullable<K>, NonNullable<V>> },
  ): Table<NonNullable<K>, NonNullable<V>, S>
  toTable<S2>(
    this: Stream<S2 | null, V, never>,
    options: {
      readonly store: StoreOption<NonNullable<K>, NonNullable<V>>
      readonly key: Serde<S2>
    },
  ): Table<NonNullable<K>, NonNullable<V>, S2>
  toTable(options: {
    readonly store: StoreOption<NonNullable<K>, NonNullable<V>>
    readonly key?: SerdeFor<NonNullable<K>>
  }): Table<NonNullable<K>, NonNullable<V>, never> {
    const name = storeNameOf('toTable', options?.store)
    const flow = keyed(this['~flow'], name, erased({ key: options.key }))
    const store = declareStore(flow.graph, options.store, flow)
    return flow.words.table(storeStep(flow, 'to-table', store, tableSource(name)))
  }

  /** For aggregations by the key as it is. */
  groupByKey(
    this: Stream<S | null, V, never>,
    options?: GroupOptions<K, V>,
  ): GroupedStream<NonNullable<K>, V, S>
  groupByKey<S2>(
    this: Stream<S2 | null, V, never>,
    options: GroupOptions<K, V> & { readonly key: Serde<S2> },
  ): GroupedStream<NonNullable<K>, V, S2>
  groupByKey(options: GroupOptions<K, V> = {}): GroupedStream<NonNullable<K>, V, never> {
    const flow = this['~flow']
    return new GroupedStream({ flowTo: (store) => keyed(flow, store, erased(options)) })
  }

  /**
   * For aggregations by another key, through a topic called after `name`. A null key belongs to no
   * group (counted as dropped).
   */
  groupBy<K2 extends S>(
    select: (value: V, meta: Meta<K>) => K2 | null,
    options: GroupOptions<K2, V> & { readonly name: string },
  ): GroupedStream<NonNullable<K2>, V, S>
  groupBy<S2, K2 extends S2>(
    select: (value: V, meta: Meta<K>) => K2 | null,
    options: GroupOptions<K2, V> & { readonly name: string; readonly key: Serde<S2> },
  ): GroupedStream<NonNullable<K2>, V, S2>
  groupBy<K2>(
    select: (value: V, meta: Meta<K>) => K2 | null,
    options: GroupOptions<K2, V> & { readonly name: string },
  ): GroupedStream<NonNullable<K2>, V, never> {
    return new GroupedStream(groupBy(this['~flow'], options.name, erased(options), select))
  }

  /**
   * Each record with the row that its key has when the record is processed: time plays no part, and
   * updates of the table cause nothing. A record without a row, a key or a value is left out. Where
   * the key was changed, records go through a topic called after `name`.
   */
  join<TK, VT, V2>(
    this: Stream<(TK & S) | null, V, never>,
    table: Table<TK, VT, never>,
    joiner: (value: NonNullable<V>, tableValue: VT, meta: Meta<NonNullable<K>>) => V2,
    options?: TableJoinOptions<K, V>,
  ): Stream<NonNullable<K>, V2, S>
  join<TK, VT, V2, S2>(
    this: Stream<(TK & S2) | null, V, never>,
    table: Table<TK, VT, never>,
    joiner: (value: NonNullable<V>, tableValue: VT, meta: Meta<NonNullable<K>>) => V2,
    options: TableJoinOptions<K, V> & { readonly key: Serde<S2> },
  ): Stream<NonNullable<K>, V2, S2>
  join<VT, V2>(
    table: Table<unknown, VT, never>,
    joiner: (value: NonNullable<V>, tableValue: VT, meta: Meta<NonNullable<K>>) => V2,
    options: TableJoinOptions<K, V> = {},
  ): Stream<NonNullable<K>, V2, never> {
    const step = { isLeft: false, joiner }
    const { name } = options
    const request = { ...erased(options), name }
    return new Stream(joinWithTable(this['~flow'], table['~flow'], step, request))
  }

  /** As `join`, where a record without a row, or without a key, is joined with null. */
  leftJoin<TK, VT, V2>(
    this: Stream<(TK & S) | null, V, never>,
    table: Table<TK, VT, never>,
    joiner: (value: NonNullable<V>, tableValue: VT | null, meta: Meta<K>) => V2,
    options?: TableJoinOptions<K, V>,
  ): Stream<K, V2, S>
  leftJoin<TK, VT, V2, S2>(
    this: Stream<(TK & S2) | null, V, never>,
    table: Table<TK, VT, never>,
    joiner: (value: NonNullable<V>, tableValue: VT | null, meta: Meta<K>) => V2,
    options: TableJoinOptions<K, V> & { readonly key: Serde<S2> },
  ): Stream<K, V2, S2>
  leftJoin<VT, V2>(
    table: Table<unknown, VT, never>,
    joiner: (value: NonNullable<V>, tableValue: VT | null, meta: Meta<K>) => V2,
    options: TableJoinOptions<K, V> = {},
  ): Stream<K, V2, never> {
    const step = { isLeft: true, joiner }
    const { name } = options
    const request = { ...erased(options), name }
    return new Stream(joinWithTable(this['~flow'], table['~flow'], step, request))
  }

  /**
   * A processor of one's own (KIP-478). Give a function that makes one for each task; one object is
   * shared by all tasks of a thread, so it must keep its state in stores only. The key may change,
   * so a stateful step that follows goes through a topic; this one does not.
   */
  process<K2, V2>(
    processor: Processor<K, V, K2, V2> | (() => Processor<K, V, K2, V2>),
    options: ProcessOptions,
  ): ProcessedStream<K2, V2, S> {
    const make = typeof processor === 'function' ? processor : () => processor
    const draft = processStep(this['~flow'], 'process', options, (node) => process(make, node))
    return new ProcessedStream(draft, { ...this['~flow'], value: undefined, rekeyed: true })
  }

  /** As `process`, for a processor that keeps the key: what follows needs no topic in between. */
  processValues<V2>(
    processor: FixedKeyProcessor<K, V, V2> | (() => FixedKeyProcessor<K, V, V2>),
    options: ProcessOptions,
  ): ProcessedStream<K, V2, S> {
    const make = typeof processor === 'function' ? processor : () => processor
    const draft = processStep(this['~flow'], 'process-values', options, (node) =>
      processValues(make, node),
    )
    return new ProcessedStream(draft, { ...this['~flow'], value: undefined })
  }

  /**
   * Event sourcing: each command is decided against the state of its key; the events are kept by
   * folding them into that state. A record without a key or a command is left out (counted as
   * dropped). A decider that throws changes nothing.
   */
  decide<State, Event, Reason = never>(
    this: Stream<S | null, V, never>,
    decider: Decider<NonNullable<V>, State, Event, Reason, NonNullable<K>>,
    options: { readonly store: StoreOption<NonNullable<K>, NonNullable<State>> },
  ): Decided<NonNullable<K>, NonNullable<V>, State, Event, Reason, S>
  decide<State, Event, Reason = never, S2 = never>(
    this: Stream<S2 | null, V, never>,
    decider: Decider<NonNullable<V>, State, Event, Reason, NonNullable<K>>,
    options: {
      readonly store: StoreOption<NonNullable<K>, NonNullable<State>>
      readonly key: Serde<S2>
    },
  ): Decided<NonNullable<K>, NonNullable<V>, State, Event, Reason, S2>
  decide<State, Event, Reason>(
    decider: Decider<NonNullable<V>, State, Event, Reason, NonNullable<K>>,
    options: {
      readonly store: StoreOption<NonNullable<K>, NonNullable<State>>
      readonly key?: SerdeFor<NonNullable<K>>
    },
  ): Decided<NonNullable<K>, NonNullable<V>, State, Event, Reason, never> {
    const flow = this['~flow']
    const flowTo = (store: string): Flow => keyed(flow, store, erased({ key: options.key }))
    return decideFlow(flowTo, decider, options?.store)
  }

  #after<K2 = K, V2 = V>(
    operator: string,
    create: Step['create'],
    changes: Parameters<typeof after>[2],
  ): Stream<K2, V2, S> {
    return new Stream(after(this['~flow'], { operator, create }, changes))
  }
}

/** What a processor forwards, and its side outputs. */
export class ProcessedStream<out K, out V, in S = NonNullable<K>> extends Stream<K, V, S> {
  readonly #draft: ProcessorDraft

  constructor(draft: ProcessorDraft, flow: Flow) {
    super({ ...flow, from: { node: draft.name, output: undefined } })
    this.#draft = draft
  }

  /** The records that the processor gave to this tag. */
  sideOutput<K2, V2>(tag: SideOutput<K2, V2>): Stream<K2, V2, S> {
    const { name: node, outputs } = this.#draft
    if (!outputs.includes(tag.name)) outputs.push(tag.name)
    const flow = this['~flow']
    return new Stream({
      ...flow,
      value: undefined,
      rekeyed: true,
      from: { node, output: tag.name },
    })
  }
}
