import { durationMs } from '../core/duration.ts'
import { globalProcess } from '../operators/global/global-process.ts'
import { globalTable } from '../operators/global/global-table.ts'
import { tableSource } from '../operators/table-source.ts'
import type { Serde } from '../serde/serde.ts'
import type { GlobalProcessor } from '../topology/global-processor.ts'
import type { GlobalStep, GraphBuilder, SourceStep } from '../topology/graph-builder.ts'
import type { OffsetReset, TopicRef } from '../topology/graph.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import {
  storeNameOf,
  type AnyStoreOption,
  type AnyStoreSpec,
  type StoreOption,
  type StoreSpecFor,
} from '../topology/key-value-store.ts'
import type { Topic } from '../topology/topic.ts'
import type { AnyVersionedStoreSpec, TableStoreOption } from '../topology/versioned-store.ts'
import type { AnyWindowedStoreSpec, StoreSpec } from '../topology/window-store.ts'
import { declareStore, storeStep, type AnySerde, type Flow, type Words } from './flow.ts'
import { globalSource, globalStoreSpec } from './global-source.ts'
import { GlobalTable } from './global-table.ts'
import { mergeFlows } from './merge.ts'
import { Stream } from './stream.ts'
import type { GlobalSourceOptions, SourceOptions } from './stream-options.ts'
import { Table } from './table.ts'

const words: Words = {
  stream: (flow) => new Stream(flow),
  table: (flow) => new Table(flow),
}

/** Where a topology begins: what its function is given. */
export class TopologyBuilder {
  readonly #graph: GraphBuilder

  constructor(graph: GraphBuilder) {
    this.#graph = graph
  }

  /**
   * The records of a topic, of several, or of every topic whose name a pattern matches (looked up
   * again at each rebalance; one that did not exist yet is read from its `reset` position).
   */
  stream<K, V>(
    topics: Topic<K, V> | readonly Topic<K, V>[],
    options?: SourceOptions<K, V>,
  ): Stream<K, V>
  stream<K, V>(
    pattern: RegExp,
    options: SourceOptions<K, V> & { readonly key: Serde<K>; readonly value: Serde<V> },
  ): Stream<K, V>
  stream<K, V>(
    topics: Topic<K, V> | readonly Topic<K, V>[] | RegExp,
    options: SourceOptions<K, V> & { readonly key?: Serde<K>; readonly value?: Serde<V> } = {},
  ): Stream<K, V> {
    if (topics instanceof RegExp) return new Stream(this.#pattern(topics, options))
    const list = 'name' in topics ? [topics] : topics
    const [first, ...rest] = list.map((topic) => this.#source(topic, 'stream', options))
    if (first === undefined) {
      throw invalidTopology(
        'a stream has no topic',
        'Give builder.stream a topic, or a list with at least one.',
      )
    }
    return new Stream(rest.reduce(mergeFlows, first))
  }

  /**
   * A topic as a table: each record replaces the row of its key, a null value deletes it. Null keys
   * are left out (counted as dropped). A late record is applied in its turn.
   */
  table<K, V>(
    topic: Topic<K, V>,
    options: SourceOptions<K, V> & {
      readonly store: TableStoreOption<NonNullable<K>, NonNullable<V>>
    },
  ): Table<NonNullable<K>, NonNullable<V>> {
    const name = storeNameOf('table', options?.store)
    const flow = this.#source(topic, 'table', options)
    const store = declareStore(this.#graph, options.store, flow)
    return new Table(storeStep(flow, 'table', store, tableSource(name)))
  }

  /**
   * A topic that every thread keeps in full, to be joined with streams by any key: each record
   * replaces the row of its key, a null value deletes it. It is read to its end before any record
   * is processed, and followed from then on, without regard to time. The topic itself is what the
   * store is rebuilt from.
   */
  globalTable<K, V>(
    topic: Topic<K, V>,
    options: GlobalSourceOptions<K, V> & {
      readonly store: StoreOption<NonNullable<K>, NonNullable<V>>
    },
  ): GlobalTable<NonNullable<K>, NonNullable<V>> {
    const name = storeNameOf('globalTable', options?.store)
    this.#global('global-table', topic, options.store, options, globalTable(name))
    return new GlobalTable({ graph: this.#graph, store: name })
  }

  /**
   * A store that every thread keeps of a topic, for processors to read: `context.globalStore`, in
   * any of them and without declaring it. Without a processor of its own it holds the records by
   * key, as `globalTable` does; with one, what that puts. Give a function that makes one for each
   * thread, or an object that keeps nothing in itself.
   */
  addGlobalStore<K, V>(
    store: StoreSpecFor<NonNullable<K>, NonNullable<V>>,
    topic: Topic<K, V>,
    options?: GlobalSourceOptions<K, V>,
  ): void
  addGlobalStore<K, V>(
    store: AnyStoreSpec,
    topic: Topic<K, V>,
    processor: GlobalProcessor<K, V> | (() => GlobalProcessor<K, V>),
    options?: GlobalSourceOptions<K, V>,
  ): void
  addGlobalStore<K, V>(
    store: AnyStoreSpec,
    topic: Topic<K, V>,
    processor:
      GlobalProcessor<K, V> | (() => GlobalProcessor<K, V>) | GlobalSourceOptions<K, V> = {},
    options: GlobalSourceOptions<K, V> = {},
  ): void {
    const name = storeNameOf('addGlobalStore', store)
    if (typeof processor !== 'function' && !('process' in processor)) {
      this.#global('global-store', topic, store, processor, globalTable(name))
      return
    }
    const make = typeof processor === 'function' ? processor : () => processor
    this.#global('global-process', topic, store, options, globalProcess(make, name))
  }

  #global<K, V>(
    operator: string,
    topic: Topic<K, V>,
    store: AnyStoreOption,
    options: GlobalSourceOptions<K, V>,
    create: GlobalStep['create'],
  ): void {
    const source = globalSource(topic, options)
    this.#graph.addGlobal({ source, store: globalStoreSpec(store, source), operator, create })
  }

  /** A store for processors, which name it in their `stores`. */
  addStateStore(store: AnyStoreSpec | AnyWindowedStoreSpec | AnyVersionedStoreSpec): void {
    this.#graph.addStore(store as StoreSpec)
  }

  #source<K, V>(
    { name, key, value }: Topic<K, V>,
    readAs: 'stream' | 'table',
    options: SourceOptions<K, V>,
  ): Flow {
    const topics: readonly [TopicRef] = [{ name, internal: false }]
    return this.#flow({ topics, readAs }, { key, value }, options)
  }

  #pattern<K, V>(
    pattern: RegExp,
    options: SourceOptions<K, V> & { readonly key?: Serde<K>; readonly value?: Serde<V> },
  ): Flow {
    const { key, value } = options
    if (key === undefined || value === undefined) {
      throw invalidTopology(
        `a stream of ${String(pattern)} has no serdes`,
        'Give them beside the pattern: { key: string, value: json() }.',
      )
    }
    // A global or sticky pattern remembers where it matched last.
    const topics = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
    return this.#flow({ topics, readAs: 'stream' }, { key, value }, options)
  }

  #flow<K, V>(
    source: Pick<SourceStep, 'topics' | 'readAs'>,
    serdes: { readonly key: Serde<K>; readonly value: Serde<V> },
    { timestamp, reset, onBadRecord }: SourceOptions<K, V>,
  ): Flow {
    const key = serdes.key as AnySerde
    const value = serdes.value as AnySerde
    const from = this.#graph.addSource({
      ...source,
      key,
      value,
      timestamp,
      reset: resetOf(reset),
      onBadRecord,
    })
    return { graph: this.#graph, words, from, key, value, rekeyed: false }
  }
}

const resetOf = (reset: SourceOptions<never, never>['reset'] = 'earliest'): OffsetReset =>
  typeof reset === 'string' ? reset : { byMs: durationMs(reset.by) }
