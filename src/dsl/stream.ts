import type { Meta } from '../core/record.ts'
import { process, processValues } from '../operators/process.ts'
import { tableSource } from '../operators/table-source.ts'
import type { Serde } from '../serde/serde.ts'
import type { FixedKeyProcessor } from '../topology/fixed-key-processor.ts'
import type { ProcessorDraft } from '../topology/graph-builder.ts'
import { storeNameOf } from '../topology/key-value-store.ts'
import type { TableStoreOption } from '../topology/versioned-store.ts'
import type { Processor, SideOutput } from '../topology/processor.ts'
import type { SerdeFor } from '../topology/serde-for.ts'
import { declareStore, erased, keyed, repartition, storeStep, type Flow } from './flow.ts'
import { groupBy, GroupedStream } from './grouped-stream.ts'
import { PatternWords } from './pattern-words.ts'
import { processStep } from './process-step.ts'
import type { GroupOptions, ProcessOptions, RepartitionOptions } from './stream-options.ts'
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
export class Stream<out K, out V, in S = NonNullable<K>> extends PatternWords<K, V, S> {
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
    options: { readonly store: TableStoreOption<NonNullable<K>, NonNullable<V>> },
  ): Table<NonNullable<K>, NonNullable<V>, S>
  toTable<S2>(
    this: Stream<S2 | null, V, never>,
    options: {
      readonly store: TableStoreOption<NonNullable<K>, NonNullable<V>>
      readonly key: Serde<S2>
    },
  ): Table<NonNullable<K>, NonNullable<V>, S2>
  toTable(options: {
    readonly store: TableStoreOption<NonNullable<K>, NonNullable<V>>
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
   * A processor of one's own (KIP-478). Give a function that makes one for each task; one object is
   * shared by all tasks of a thread, so it must keep its state in stores only. The key may change,
   * so a stateful step that follows goes through a topic; this one does not.
   */
  process<K2, V2>(
    processor: Processor<K, V, K2, V2> | (() => Processor<K, V, K2, V2>),
    options: ProcessOptions<K, V>,
  ): ProcessedStream<K2, V2, S> {
    const draft = processStep(this['~flow'], 'process', processor, options, process)
    return processed(draft, { ...this['~flow'], value: undefined, rekeyed: true })
  }

  /** As `process`, for a processor that keeps the key: what follows needs no topic in between. */
  processValues<V2>(
    processor: FixedKeyProcessor<K, V, V2> | (() => FixedKeyProcessor<K, V, V2>),
    options: ProcessOptions<K, V>,
  ): ProcessedStream<K, V2, S> {
    const flow = this['~flow']
    const draft = processStep(flow, 'process-values', processor, options, processValues)
    return processed(draft, { ...this['~flow'], value: undefined })
  }
}

/** Of a step that forwards to more than one stream. */
export interface SideOutputs<in S> {
  /** The records that the processor gave to this tag. */
  readonly sideOutput: <K, V>(tag: SideOutput<K, V>) => Stream<K, V, S>
}

/**
 * What a processor forwards, and its side outputs. No class of its own: TypeScript compares classes
 * by their members, and would not take it for a stream of wider types.
 */
export type ProcessedStream<K, V, S = NonNullable<K>> = Stream<K, V, S> & SideOutputs<S>

function processed<K, V, S>({ name: node, outputs }: ProcessorDraft, flow: Flow) {
  const sideOutputs: SideOutputs<S> = {
    sideOutput: (tag) => {
      if (!outputs.includes(tag.name)) outputs.push(tag.name)
      const from = { node, output: tag.name }
      return new Stream({ ...flow, value: undefined, rekeyed: true, from })
    },
  }
  const stream = new Stream<K, V, S>({ ...flow, from: { node, output: undefined } })
  return Object.assign(stream, sideOutputs)
}
