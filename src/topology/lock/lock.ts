import { StreamsError } from '../../core/errors.ts'
import { describeAsJson, type StoreDescription } from '../describe.ts'
import type { GraphNode, SubTopology } from '../graph.ts'
import { topicLabel } from '../topic-label.ts'
import type { Topology } from '../topology.ts'

/** What Kafka remembers of a topology, as it is kept beside the code. */
export interface TopologyLock {
  readonly format: typeof FORMAT
  readonly applicationId: string
  /** Of the whole graph: instances with another one do not work in one group. */
  readonly fingerprint: string
  readonly sources: Readonly<Record<string, LockedSource>>
  readonly stores: Readonly<Record<string, LockedStore>>
  readonly repartitions: Readonly<Record<string, LockedRepartition>>
}

export interface LockedSource {
  readonly key: string
  readonly value: string
}

export interface LockedStore extends Omit<StoreDescription, 'name' | 'cached'> {
  readonly subTopology: number
  /** Topics whose records come to it without passing through another topic. */
  readonly reads: readonly string[]
  /** Topics of the user that are behind those. */
  readonly inputs: readonly string[]
}

export interface LockedRepartition extends LockedSource {
  readonly partitions: number | null
}

const FORMAT = 1

export function lockOf(topology: Topology, applicationId: string): TopologyLock {
  const { stores, repartitions } = describeAsJson(topology)
  const flow = new Flow(topology.subTopologies)
  return {
    format: FORMAT,
    applicationId,
    fingerprint: topology.fingerprint,
    sources: sorted(flow.external()),
    stores: sorted(
      stores.map((description) => {
        const { name, cached: _, ...store } = description
        const subTopology = topology.subTopologies.find((each) => each.stores.includes(name))
        const reads = flow.topicsTo(name)
        const inputs = flow.inputsBehind(reads)
        return [name, { ...store, subTopology: subTopology?.id ?? -1, reads, inputs }]
      }),
    ),
    repartitions: sorted(
      repartitions.map(({ name, partitions }) => [
        name,
        { ...flow.serdesOf(`${name}-repartition`), partitions },
      ]),
    ),
  }
}

/** Throws `INVALID_CONFIG` where the text is no lock of a format that is known. */
export function parseLock(text: string, path: string): TopologyLock {
  let lock: unknown
  try {
    lock = JSON.parse(text)
  } catch (cause) {
    throw unreadable(path, cause)
  }
  if (isLock(lock)) return lock
  throw unreadable(path)
}

const isLock = (value: unknown): value is TopologyLock =>
  typeof value === 'object' &&
  value !== null &&
  'format' in value &&
  value.format === FORMAT &&
  ['fingerprint', 'sources', 'stores', 'repartitions'].every((name) => name in value)

const unreadable = (path: string, cause?: unknown): StreamsError =>
  new StreamsError('INVALID_CONFIG', {
    message: `${path} is no lock of a topology`,
    hint: 'Take it from version control, or write it again: --write.',
    cause,
  })

/** By name, so that a lock differs where something has changed and nowhere else. */
const sorted = <T>(entries: readonly (readonly [string, T])[]): Readonly<Record<string, T>> =>
  Object.fromEntries(entries.toSorted(([left], [right]) => (left < right ? -1 : 1)))

/** Which topics lead where. */
class Flow {
  readonly #subTopologies: readonly SubTopology[]

  constructor(subTopologies: readonly SubTopology[]) {
    this.#subTopologies = subTopologies
  }

  /** Topics of the user, and patterns, with how they are read. */
  external(): readonly (readonly [string, LockedSource])[] {
    return this.#sources().flatMap((source) => {
      const serdes = { key: nameOf(source.key), value: nameOf(source.value) }
      if (source.topics instanceof RegExp) return [[String(source.topics), serdes] as const]
      return source.topics
        .filter(({ internal }) => !internal)
        .map(({ name }) => [name, serdes] as const)
    })
  }

  serdesOf(topic: string): LockedSource {
    const source = this.#sources().find((each) => topicsOf(each).includes(topic))
    return { key: nameOf(source?.key), value: nameOf(source?.value) }
  }

  #sources() {
    return this.#subTopologies.flatMap(({ sources }) => sources)
  }

  topicsTo(store: string): readonly string[] {
    const topics = this.#subTopologies.flatMap(({ nodes }) =>
      nodes
        .filter((node) => node.kind === 'processor' && node.stores.includes(store))
        .flatMap((node) => topicsBehind(node, nodes)),
    )
    return distinct(topics)
  }

  /** Through repartition topics, which may feed each other in a circle. */
  inputsBehind(topics: readonly string[]): readonly string[] {
    const seen = new Set<string>()
    const visit = (topic: string): void => {
      if (seen.has(topic)) return
      seen.add(topic)
      for (const { nodes } of this.#subTopologies) {
        for (const node of nodes) {
          if (node.kind !== 'sink' || typeof node.target === 'function') continue
          const { topic: target } = node.target
          if (!target.internal || topicLabel(target) !== topic) continue
          for (const each of topicsBehind(node, nodes)) visit(each)
        }
      }
    }
    for (const topic of topics) visit(topic)
    const external = new Set(this.external().map(([name]) => name))
    return distinct([...seen].filter((topic) => external.has(topic)))
  }
}

const nameOf = (serde: object | undefined): string =>
  serde !== undefined && 'name' in serde ? String(serde.name) : 'unnamed'

const topicsOf = (node: Extract<GraphNode, { kind: 'source' }>): readonly string[] =>
  node.topics instanceof RegExp ? [String(node.topics)] : node.topics.map(topicLabel)

/** What a node is given comes from these topics, in the same sub-topology. */
function topicsBehind(node: GraphNode, nodes: readonly GraphNode[]): readonly string[] {
  if (node.kind === 'source') return topicsOf(node)
  return node.inputs.flatMap((input) => {
    const origin = nodes.find(({ name }) => name === input.node)
    return origin === undefined ? [] : topicsBehind(origin, nodes)
  })
}

const distinct = (names: readonly string[]): readonly string[] => [...new Set(names)].toSorted()
