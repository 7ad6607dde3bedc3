import type { Serde } from '../serde/serde.ts'
import { json } from '../serde/json.ts'
import { boundTo } from '../serde/registry/remote-serde.ts'
import { dropNullKeys } from '../operators/drop-null-keys.ts'
import { storeView, type TableView } from '../operators/table-view.ts'
import type { GraphBuilder, ProcessorDraft } from '../topology/graph-builder.ts'
import type { NodeInput } from '../topology/graph.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import { keyValueStore, type KeyValueStoreSpec } from '../topology/key-value-store.ts'
import type { OperatorFactory } from '../topology/processor.ts'
import type { AnyTableStoreOption, VersionedStoreSpec } from '../topology/versioned-store.ts'
import type { Stream } from './stream.ts'
import type { Table } from './table.ts'

export type AnySerde = Serde<unknown>

/**
 * Makes the words that lead back to where they came from (a table becomes a stream again), so that
 * their files need not import each other.
 */
export interface Words {
  readonly stream: <K, V, S>(flow: Flow) => Stream<K, V, S>
  readonly table: <K, V, S>(flow: TableFlow) => Table<K, V, S>
}

/**
 * What stands behind a stream: where in the graph it comes from, and how its records are written.
 */
export interface Flow {
  readonly graph: GraphBuilder
  readonly words: Words
  readonly from: NodeInput
  /** Undefined where two streams with different serdes were merged. */
  readonly key: AnySerde | undefined
  /** Undefined once a step has made values that no topic told us how to write. */
  readonly value: AnySerde | undefined
  /** The key was changed: records must go through a topic before they meet a store. */
  readonly rekeyed: boolean
}

/** What stands behind a table: its records are `Change`s. */
export interface TableFlow extends Omit<Flow, 'rekeyed'> {
  /** Asks for the value that an update replaces, for a step that subtracts it. */
  readonly demandOldValues: () => void
  /** How a join reads the rows; undefined where it cannot. */
  readonly view?: TableView | undefined
  /**
   * Where its keys are windows: how long after the end of one, in stream time, its row may still
   * change. Undefined where that is not known.
   */
  readonly changesForMs?: number | undefined
}

export interface Step {
  readonly operator: string
  readonly name?: string
  readonly stores?: readonly string[]
  readonly outputs?: readonly string[]
  readonly create: OperatorFactory
}

/** Adds a step that follows the flow. */
export const addStep = (
  { graph, from }: Pick<Flow, 'graph' | 'from'>,
  step: Step,
): ProcessorDraft => graph.addProcessor({ ...step, inputs: [from] })

/** Adds a step and goes on after it; `changes` says what the step did to serdes and key. */
export const after = <F extends Pick<Flow, 'graph' | 'from'>>(
  flow: F,
  step: Step,
  changes: Partial<Pick<Flow, 'key' | 'value' | 'rekeyed'>> = {},
): F => ({
  ...flow,
  ...changes,
  from: { node: addStep(flow, step).name, output: undefined },
})

/** Serdes given at a step, where those of the stream do not fit. */
export interface SerdeOverrides {
  readonly key?: AnySerde | undefined
  readonly value?: AnySerde | undefined
}

/** The serdes of typed options, for the untyped graph: the DSL's signatures have checked them. */
export const erased = (options: {
  readonly key?: object | undefined
  readonly value?: object | undefined
}): SerdeOverrides => ({
  key: options.key as AnySerde | undefined,
  value: options.value as AnySerde | undefined,
})

export interface RepartitionRequest extends SerdeOverrides {
  readonly name: string
  readonly partitions?: number | undefined
  /** For a left or outer join, to which a record without a key is one without a partner. */
  readonly keepsNullKeys?: boolean
}

/**
 * Sends the flow through an internal topic, so that equal keys meet in one partition. A null key is
 * left out, also where a person asked for the topic, as Kafka Streams 4.3 does; but not in front of
 * a left or outer join.
 */
export function repartition(flow: Flow, request: RepartitionRequest): Flow {
  const { graph, words } = flow
  const givenKey = request.key ?? flow.key
  if (givenKey === undefined) throw unknownKey(`repartition "${request.name}"`)
  const key = boundTo(givenKey, request.name, 'key')
  const value = boundTo(request.value ?? flow.value ?? json<unknown>(), request.name, 'value')
  const topic = graph.addRepartition({ name: request.name, partitions: request.partitions })
  const { from } =
    request.keepsNullKeys === true
      ? flow
      : after(flow, {
          operator: 'drop-null-keys',
          name: `drop-null-keys(${request.name})`,
          create: dropNullKeys,
        })
  graph.addSink({ inputs: [from], target: { topic, key, value }, partition: undefined })
  const source = graph.addSource({
    topics: [topic],
    key,
    value,
    timestamp: undefined,
    // It is created empty, and what was written to it before this member read it counts.
    reset: 'earliest',
    onBadRecord: undefined,
    readAs: 'repartition',
  })
  return { graph, words, from: source, key, value, rekeyed: false }
}

/** The flow as a stateful step may use it: through an internal topic where its key was changed. */
export function keyed(flow: Flow, name: string, serdes: SerdeOverrides = {}): Flow {
  if (flow.rekeyed) return repartition(flow, { ...serdes, name })
  return { ...flow, key: serdes.key ?? flow.key, value: serdes.value ?? flow.value }
}

/** A step that keeps a store and makes a table, whose old values are always known. */
export function storeStep(
  flow: Flow,
  operator: string,
  store: DeclaredStore,
  create: OperatorFactory,
): TableFlow {
  const { rekeyed: _, ...next } = after(flow, {
    operator,
    name: `${operator}(${store.name})`,
    stores: [store.name],
    create,
  })
  return {
    ...next,
    key: flow.key ?? store.key,
    value: store.value,
    demandOldValues: () => {},
    view: storeView(store.name, store.historyMs),
  }
}

/** How a step that follows the flow reads the rows of a table. */
export function viewOf({ graph }: Pick<Flow, 'graph'>, table: TableFlow, step: string): TableView {
  if (table.graph !== graph) {
    throw invalidTopology(
      `a ${step} is given a table of another topology`,
      'Join tables of the builder that is at hand; topologies meet in topics.',
    )
  }
  if (table.view === undefined) {
    throw invalidTopology(
      `a ${step} is given a table whose rows cannot be looked up`,
      'Join with a table of a topic, of toTable or of an aggregation without windows.',
    )
  }
  return table.view
}

export interface DeclaredStore extends Pick<KeyValueStoreSpec, 'name' | 'key' | 'value'> {
  /** Of a versioned store. */
  readonly historyMs?: number
}

/** Declares the store of a step; the serdes are for one that was given by name only. */
export function declareStore(
  graph: GraphBuilder,
  store: AnyTableStoreOption,
  { key, value = json<unknown>() }: SerdeOverrides,
): DeclaredStore {
  if (typeof store === 'string' && key === undefined) throw unknownKey(`store "${store}"`)
  const spec =
    typeof store === 'string'
      ? keyValueStore(store, { key: key as AnySerde, value })
      : (store as KeyValueStoreSpec | VersionedStoreSpec)
  graph.addStore(spec)
  return spec
}

export const unknownKey = (what: string) =>
  invalidTopology(
    `the key serde of ${what} is not known`,
    'Give it at the step: { key: string }. Streams that were merged have none in common.',
  )
