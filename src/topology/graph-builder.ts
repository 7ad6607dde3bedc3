import type { KeyValueStoreSpec, StoreSpec } from '../state/store-spec.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { GlobalStepFactory } from './global-processor.ts'
import type {
  FailurePolicy,
  GlobalSubTopology,
  GraphNode,
  NodeInput,
  ProcessorNode,
  RepartitionTopic,
  SinkNode,
  SourceNode,
  TopicRef,
} from './graph.ts'
import { invalidTopology } from './invalid-topology.ts'
import { checkKafkaName } from './names.ts'
import { subTopologiesOf } from './sub-topologies.ts'
import { topicLabel } from './topic-label.ts'
import type { Topology } from './topology.ts'

/** A step while the topology is still being built: stores and outputs may be added. */
export interface ProcessorDraft extends ProcessorNode {
  readonly stores: string[]
  readonly outputs: string[]
}

export interface ProcessorStep {
  readonly operator: string
  /** Must be unique; undefined: the operator and a number. */
  readonly name?: string | undefined
  readonly inputs: readonly NodeInput[]
  readonly stores?: readonly string[]
  readonly outputs?: readonly string[]
  readonly create: ProcessorNode['create']
}

export type SourceStep = Omit<SourceNode, 'kind' | 'name'> & {
  readonly topics: readonly [TopicRef] | RegExp
  /** A topic is read in one manner, not in several. */
  readonly readAs: 'stream' | 'table' | 'global table' | 'repartition'
}

/** A topic that every thread reads in full, and the one step that keeps it in a store. */
export interface GlobalStep {
  readonly source: Omit<SourceStep, 'readAs' | 'reset'>
  readonly store: KeyValueStoreSpec
  readonly operator: string
  readonly create: GlobalStepFactory
}

export interface GraphOptions {
  readonly name: string
  readonly deadLetters: TopicRef | undefined
  readonly onFailure: FailurePolicy
}

/**
 * Collects nodes, stores and internal topics, and makes a {@link Topology} of them. Untyped: the
 * DSL has the types.
 */
export class GraphBuilder {
  readonly #options: GraphOptions
  readonly #nodes = new Map<string, SourceNode | ProcessorDraft | SinkNode>()
  readonly #numbers = new Map<string, number>()
  readonly #sources = new Map<string, { readonly step: SourceStep; readonly node: SourceNode }>()
  readonly #stores = new Map<string, StoreSpec>()
  readonly #globals = new Map<string, GlobalStep>()
  /** The names of their nodes. */
  readonly #globalNodes = new Set<string>()
  readonly #repartitions = new Map<string, RepartitionTopic>()
  #built = false

  constructor(options: GraphOptions) {
    checkKafkaName('a topology', options.name)
    checkPolicy('the topology', options.onFailure, options.deadLetters)
    this.#options = options
  }

  /**
   * The node that reads the topic or pattern; one that was added in the same manner is used again.
   */
  addSource(step: SourceStep): NodeInput {
    const label = step.topics instanceof RegExp ? String(step.topics) : topicLabel(step.topics[0])
    const id = step.readAs === 'repartition' ? `internal ${label}` : label
    const known = this.#sources.get(id)
    if (known !== undefined) {
      checkSameReading(label, known.step, step)
      return { node: known.node.name, output: undefined }
    }
    this.#checkSource(label, step)
    const { readAs: _, ...source } = step
    const node: SourceNode = { kind: 'source', name: this.#free(`source(${label})`), ...source }
    this.#add(node)
    this.#sources.set(id, { step, node })
    return { node: node.name, output: undefined }
  }

  addProcessor(step: ProcessorStep): ProcessorDraft {
    const node: ProcessorDraft = {
      kind: 'processor',
      name: step.name ?? this.#numbered(step.operator),
      operator: step.operator,
      inputs: step.inputs,
      stores: [...(step.stores ?? [])],
      outputs: [...(step.outputs ?? [])],
      create: step.create,
    }
    this.#add(node)
    return node
  }

  addSink(step: Omit<SinkNode, 'kind' | 'name'>): void {
    const { target } = step
    if (typeof target !== 'function') this.#checkSink(target.topic)
    const label = typeof target === 'function' ? 'dynamic' : topicLabel(target.topic)
    this.#add({ kind: 'sink', name: this.#free(`sink(${label})`), ...step })
  }

  /** The same store object may be handed in by each step that shares it. */
  addStore(spec: StoreSpec): void {
    this.#checkOpen()
    checkKafkaName('a store', spec.name)
    const known = this.#stores.get(spec.name)
    if (this.#globals.has(spec.name)) throw declaredTwice(spec.name)
    if (known !== undefined && known !== spec) throw declaredTwice(spec.name)
    this.#stores.set(spec.name, spec)
  }

  /** What every thread reads in full, from its beginning, belongs to no task. */
  addGlobal({ source, store, operator, create }: GlobalStep): void {
    checkKafkaName('a store', store.name)
    if (this.#stores.has(store.name) || this.#globals.has(store.name)) {
      throw declaredTwice(store.name)
    }
    const { name } = store
    const from = this.addSource({ ...source, reset: 'earliest', readAs: 'global table' })
    const step = { operator, name: `${operator}(${name})`, inputs: [from], stores: [name], create }
    this.#globals.set(name, { source, store, operator, create })
    this.#globalNodes.add(from.node).add(this.addProcessor(step).name)
  }

  addRepartition(repartition: RepartitionTopic): TopicRef {
    this.#checkOpen()
    const { name, partitions } = repartition
    checkKafkaName('a repartition topic', name)
    if (this.#repartitions.has(name)) {
      throw invalidTopology(
        `repartition topic "${name}" is declared twice`,
        'Give each repartition and each groupBy its own name.',
      )
    }
    if (partitions !== undefined && !(Number.isInteger(partitions) && partitions > 0)) {
      throw invalidTopology(
        `repartition topic "${name}" cannot have ${partitions} partitions`,
        'Give a whole number from 1, or leave it out.',
      )
    }
    this.#repartitions.set(name, Object.freeze({ name, partitions }))
    return { name, internal: true }
  }

  /** For a step that sets records aside: throws where there is no place for them. */
  checkDeadLetters(what: string): void {
    checkPolicy(what, 'dead-letter', this.#options.deadLetters)
  }

  build(): Topology {
    this.#checkOpen()
    if (this.#sources.size === 0) {
      throw invalidTopology(
        `topology "${this.#options.name}" reads no topic`,
        'Start with builder.stream(topic), table(topic, { store }) or globalTable(topic, { store }).',
      )
    }
    this.#checkStores()
    this.#built = true
    const nodes = [...this.#nodes.values()].map(frozen)
    const subTopologies = subTopologiesOf(nodes.filter(({ name }) => !this.#globalNodes.has(name)))
    const topology = {
      ...this.#options,
      subTopologies,
      globals: this.#globalSubTopologies(nodes, subTopologies.length),
      stores: this.#stores,
      repartitions: this.#repartitions,
    }
    return Object.freeze({ ...topology, fingerprint: fingerprintOf(topology) })
  }

  #globalSubTopologies(nodes: readonly GraphNode[], firstId: number): readonly GlobalSubTopology[] {
    const own = nodes.filter(({ name }) => this.#globalNodes.has(name))
    const steps = [...this.#globals.values()]
    return Object.freeze(
      subTopologiesOf(own, firstId).map((each, index) => {
        const { store, create } = steps[index] as GlobalStep
        return Object.freeze({ ...each, store, create })
      }),
    )
  }

  #add(node: SourceNode | ProcessorDraft | SinkNode): void {
    this.#checkOpen()
    if (this.#nodes.has(node.name)) {
      throw invalidTopology(
        `two steps are called "${node.name}"`,
        'Give each process step its own name.',
      )
    }
    this.#nodes.set(node.name, node)
  }

  #free(name: string): string {
    return this.#nodes.has(name) ? this.#numbered(name) : name
  }

  #numbered(base: string): string {
    let name: string
    do {
      const number = (this.#numbers.get(base) ?? 0) + 1
      this.#numbers.set(base, number)
      name = `${base}-${number}`
    } while (this.#nodes.has(name))
    return name
  }

  #checkOpen(): void {
    if (this.#built) {
      throw invalidTopology(
        `topology "${this.#options.name}" is built already`,
        'Add every step inside the function that is given to topology().',
      )
    }
  }

  #checkSource(label: string, step: SourceStep): void {
    const { deadLetters } = this.#options
    checkPolicy(`the source of ${label}`, step.onBadRecord, deadLetters)
    if (deadLetters !== undefined && matches(step.topics, deadLetters)) {
      throw invalidTopology(
        `${label} would read the topology's own dead-letter topic`,
        'Read dead letters in another topology, or a failing record goes round for ever.',
      )
    }
    for (const other of this.#sources.values()) {
      const overlaps =
        step.topics instanceof RegExp
          ? !(other.step.topics instanceof RegExp) && matches(step.topics, other.step.topics[0])
          : other.step.topics instanceof RegExp && matches(other.step.topics, step.topics[0])
      if (overlaps) {
        throw invalidTopology(
          `${label} and ${other.node.name} read the same topic`,
          'Write the pattern so that it leaves out topics that are read by name.',
        )
      }
    }
  }

  #checkSink(topic: TopicRef): void {
    if (!topic.internal && topic.name === this.#options.deadLetters?.name) {
      throw invalidTopology(
        `a sink writes to the topology's own dead-letter topic "${topic.name}"`,
        'Leave that topic to records that failed; write these to a topic of their own.',
      )
    }
  }

  #checkStores(): void {
    const used = new Set<string>()
    for (const node of this.#nodes.values()) {
      if (node.kind !== 'processor' || this.#globalNodes.has(node.name)) continue
      for (const store of node.stores) {
        const isTaken = used.has(store) && this.#stores.get(store)?.kind === 'timers'
        if (isTaken) throw sharedTimers(store)
        used.add(store)
        if (this.#stores.has(store)) continue
        if (this.#globals.has(store)) throw namedThoughGlobal(node.name, store)
        throw invalidTopology(
          `step "${node.name}" uses store "${store}", which is not declared`,
          'Declare it with builder.addStateStore(keyValueStore(…)).',
        )
      }
    }
    const unused = [...this.#stores.keys()].find((store) => !used.has(store))
    if (unused !== undefined) {
      throw invalidTopology(
        `store "${unused}" is used by no step`,
        `Name it in a step: process(…, { name, stores: ['${unused}'] }), or remove it.`,
      )
    }
  }
}

const declaredTwice = (store: string) =>
  invalidTopology(
    `store "${store}" is declared twice`,
    'Give each stateful step its own store name; a global store is read without being declared.',
  )

const namedThoughGlobal = (node: string, store: string) =>
  invalidTopology(
    `step "${node}" names store "${store}", which is global`,
    `Leave it out of \`stores\`: every processor can read it, with context.globalStore('${store}').`,
  )

const matches = (topics: SourceStep['topics'], topic: TopicRef): boolean =>
  !topic.internal &&
  (topics instanceof RegExp
    ? topics.test(topic.name)
    : !topics[0].internal && topics[0].name === topic.name)

const sharedTimers = (store: string) =>
  invalidTopology(
    `timer store "${store}" is used by two steps`,
    'Give each step a store of its own: timers fire in the step that set them.',
  )

function checkPolicy(
  what: string,
  policy: FailurePolicy | undefined,
  deadLetters: TopicRef | undefined,
): void {
  if (policy === 'dead-letter' && deadLetters === undefined) {
    throw invalidTopology(
      `${what} sends failed records to a dead-letter topic, but the topology has none`,
      "Give the topology one: topology(name, { deadLetters: deadLetters('…') }, …).",
    )
  }
}

function checkSameReading(label: string, first: SourceStep, second: SourceStep): void {
  if (first.readAs !== second.readAs || first.readAs !== 'stream') {
    const isGlobal = first.readAs === 'global table' || second.readAs === 'global table'
    throw invalidTopology(
      `topic ${label} is read as a ${first.readAs} and again as a ${second.readAs}`,
      isGlobal
        ? 'Read it once: either all of it in every thread, or a partition in each task.'
        : 'Read it once: a stream becomes a table with toTable, a table a stream with toStream.',
    )
  }
  if (first.key !== second.key || first.value !== second.value) {
    throw invalidTopology(
      `topic ${label} is read twice with different serdes`,
      'Declare the topic once with topic(…) and use that value in both places.',
    )
  }
  const same =
    resetText(first) === resetText(second) &&
    first.timestamp === second.timestamp &&
    first.onBadRecord === second.onBadRecord
  if (!same) {
    throw invalidTopology(
      `topic ${label} is read twice with different options`,
      'Read it once, keep the stream in a variable and use that twice.',
    )
  }
}

const resetText = ({ reset }: SourceStep): string => JSON.stringify(reset)

function frozen(node: SourceNode | ProcessorDraft | SinkNode): GraphNode {
  if (node.kind === 'processor') {
    Object.freeze(node.inputs)
    Object.freeze(node.stores)
    Object.freeze(node.outputs)
  }
  return Object.freeze(node)
}
