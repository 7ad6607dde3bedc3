import type { Serde } from '../serde/serde.ts'
import type { StoreSpec } from '../state/store-spec.ts'
import type { FailurePolicy, GraphNode, NodeInput, OffsetReset, SourceNode } from './graph.ts'
import { topicLabel } from './topic-label.ts'
import type { Topology } from './topology.ts'

/** A topology as data; internal topics are named without the application id. */
export interface TopologyDescription {
  readonly name: string
  readonly deadLetters: string | null
  readonly onFailure: FailurePolicy
  readonly subTopologies: readonly SubTopologyDescription[]
  /** What every thread reads in full; the store is not among `stores`, which belong to tasks. */
  readonly globals: readonly (Omit<SubTopologyDescription, 'stores' | 'copartitioned'> & {
    readonly store: StoreDescription
  })[]
  readonly stores: readonly StoreDescription[]
  readonly repartitions: readonly { readonly name: string; readonly partitions: number | null }[]
}

/** A connected part of a topology: its tasks run by themselves. */
export interface SubTopologyDescription {
  readonly id: number
  readonly nodes: readonly NodeDescription[]
  readonly stores: readonly string[]
  /** Topics that must have as many partitions as each other. */
  readonly copartitioned: readonly (readonly string[])[]
}

export type NodeDescription =
  | {
      readonly kind: 'source'
      readonly name: string
      readonly topics: readonly string[] | { readonly pattern: string }
      readonly key: string
      readonly value: string
      readonly reset: OffsetReset
      readonly timestamp: 'record' | 'extractor'
      readonly onBadRecord: FailurePolicy | null
      readonly successors: readonly string[]
    }
  | {
      readonly kind: 'processor'
      readonly name: string
      readonly operator: string
      readonly stores: readonly string[]
      readonly outputs: readonly string[]
      readonly predecessors: readonly string[]
      readonly successors: readonly string[]
    }
  | {
      readonly kind: 'sink'
      readonly name: string
      /** Null where a function chooses it for each record. */
      readonly topic: string | null
      readonly key: string | null
      readonly value: string | null
      readonly partition: 'default' | 'custom'
      readonly predecessors: readonly string[]
    }

/** A store of a topology. */
export interface StoreDescription {
  readonly name: string
  readonly kind: string
  readonly key: string
  readonly value: string
  readonly backend: string
  readonly logged: boolean
  readonly cached: boolean
  readonly changelogConfigs: Readonly<Record<string, string>>
  /** Of window and session stores; see their specification. */
  readonly retentionMs?: number
  readonly groupMs?: number
  /** Of window stores. */
  readonly sizeMs?: number
  readonly duplicates?: boolean
  /** Of versioned stores. */
  readonly historyMs?: number
}

/** The topology as data, in an order that is always the same. */
export function describeAsJson(topology: Omit<Topology, 'fingerprint'>): TopologyDescription {
  return {
    name: topology.name,
    deadLetters: topology.deadLetters?.name ?? null,
    onFailure: topology.onFailure,
    subTopologies: topology.subTopologies.map(({ id, nodes, stores, copartitioned }) => ({
      id,
      nodes: nodes.map((node) => describeNode(node, nodes)),
      stores,
      copartitioned: copartitioned.map((topics) => topics.map(topicLabel)),
    })),
    globals: topology.globals.map(({ id, nodes, store }) => ({
      id,
      nodes: nodes.map((node) => describeNode(node, nodes)),
      store: describeStore(store),
    })),
    stores: [...topology.stores.values()].map(describeStore),
    repartitions: [...topology.repartitions.values()].map(({ name, partitions }) => ({
      name,
      partitions: partitions ?? null,
    })),
  }
}

function spansOf(store: StoreSpec): Partial<StoreDescription> {
  switch (store.kind) {
    case 'key-value':
    case 'timers':
      return {}
    case 'versioned':
      return { historyMs: store.historyMs }
    case 'window': {
      const { retentionMs, groupMs, sizeMs, duplicates } = store
      return { retentionMs, groupMs, sizeMs, duplicates }
    }
    case 'session':
      return { retentionMs: store.retentionMs, groupMs: store.groupMs }
  }
}

/** The topology as text, in the manner of Kafka Streams' `Topology#describe`. */
export function describeAsText(topology: Omit<Topology, 'fingerprint'>): string {
  const { subTopologies, globals } = describeAsJson(topology)
  const lines = [`Topology: ${topology.name}`]
  for (const { id, nodes, copartitioned } of subTopologies) {
    lines.push(`  Sub-topology: ${id}`)
    for (const node of nodes) lines.push(...nodeLines(node).map((line) => `    ${line}`))
    for (const topics of copartitioned) lines.push(`    Co-partitioned: ${topics.join(', ')}`)
  }
  for (const { id, nodes } of globals) {
    lines.push(`  Sub-topology: ${id} for global store (will not generate tasks)`)
    for (const node of nodes) lines.push(...nodeLines(node).map((line) => `    ${line}`))
  }
  return `${lines.join('\n')}\n`
}

function nodeLines(node: NodeDescription): string[] {
  switch (node.kind) {
    case 'source': {
      const topics = 'pattern' in node.topics ? node.topics.pattern : node.topics.join(', ')
      return [`Source: ${node.name} (topics: [${topics}])`, arrow('-->', node.successors)]
    }
    case 'processor':
      return [
        `Processor: ${node.name} (stores: [${node.stores.join(', ')}])`,
        arrow('-->', node.successors),
        arrow('<--', node.predecessors),
      ]
    case 'sink':
      return [
        `Sink: ${node.name} (topic: ${node.topic ?? 'chosen for each record'})`,
        arrow('<--', node.predecessors),
      ]
  }
}

const arrow = (sign: string, names: readonly string[]): string =>
  `  ${sign} ${names.length === 0 ? 'none' : names.join(', ')}`

function describeNode(node: GraphNode, nodes: readonly GraphNode[]): NodeDescription {
  switch (node.kind) {
    case 'source':
      return { ...describeSource(node), successors: successorsOf(node, nodes) }
    case 'processor':
      return {
        kind: 'processor',
        name: node.name,
        operator: node.operator,
        stores: node.stores,
        outputs: node.outputs,
        predecessors: node.inputs.map(inputText),
        successors: successorsOf(node, nodes),
      }
    case 'sink': {
      const target = typeof node.target === 'function' ? null : node.target
      return {
        kind: 'sink',
        name: node.name,
        topic: target && topicLabel(target.topic),
        key: target && serdeName(target.key),
        value: target && serdeName(target.value),
        partition: node.partition === undefined ? 'default' : 'custom',
        predecessors: node.inputs.map(inputText),
      }
    }
  }
}

const describeSource = (node: SourceNode) => ({
  kind: node.kind,
  name: node.name,
  topics:
    node.topics instanceof RegExp ? { pattern: String(node.topics) } : node.topics.map(topicLabel),
  key: serdeName(node.key),
  value: serdeName(node.value),
  reset: node.reset,
  timestamp: node.timestamp === undefined ? ('record' as const) : ('extractor' as const),
  onBadRecord: node.onBadRecord ?? null,
})

const describeStore = (store: StoreSpec): StoreDescription => ({
  name: store.name,
  kind: store.kind,
  key: store.key.name,
  value: (store.kind === 'timers' ? store.waiting : store.value)?.name ?? 'none',
  backend: store.backend,
  logged: store.logged,
  cached: store.cached,
  changelogConfigs: sortedByName(store.changelogConfigs),
  ...spansOf(store),
})

const sortedByName = (configs: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.keys(configs)
      .toSorted((left, right) => (left < right ? -1 : 1))
      .map((name) => [name, configs[name] ?? '']),
  )

const inputText = ({ node, output }: NodeInput): string =>
  output === undefined ? node : `${node}:${output}`

/** A follower of a named output is marked with it, since a branch is what a reader looks for. */
const successorsOf = (node: GraphNode, nodes: readonly GraphNode[]): string[] =>
  nodes.flatMap((follower) =>
    follower.kind === 'source'
      ? []
      : follower.inputs
          .filter((input) => input.node === node.name)
          .map(({ output }) =>
            output === undefined ? follower.name : `${follower.name} (${output})`,
          ),
  )

/**
 * A node asks for one direction only, but what it is given is nearly always a serde with a name.
 */
const serdeName = (serde: object): string => (serde as Partial<Serde<unknown>>).name ?? 'unnamed'
