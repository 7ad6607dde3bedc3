import type { Meta } from '../core/record.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { GraphNode, SinkNode, SinkTarget, SourceNode, SubTopology, TopicRef } from './graph.ts'
import { invalidTopology } from './invalid-topology.ts'
import type { Topology } from './topology.ts'

/** The topic in which a shadow writes what the topology would write to `topic`. */
export const shadowTopic = (shadow: string, topic: string): string => `${shadow}.${topic}`

/** Every topic of a person's that the topology is known to write to, dead letters included. */
export function outputTopics({ subTopologies, deadLetters }: Topology): readonly string[] {
  const sinks = subTopologies
    .flatMap(({ nodes }) => nodes)
    .flatMap((node) =>
      node.kind === 'sink' && typeof node.target !== 'function' ? [node.target.topic] : [],
    )
  const written = [...sinks, ...(deadLetters === undefined ? [] : [deadLetters])]
  return [...new Set(written.filter(({ internal }) => !internal).map(({ name }) => name))]
}

/**
 * The same graph, writing to topics of its own: `<shadow>.<topic>`. What it reads of its own
 * outputs it reads from there too; throws `INVALID_TOPOLOGY` where it reads them by a pattern.
 */
export function shadowed(topology: Topology, shadow: string): Topology {
  const outputs = new Set(outputTopics(topology))
  const rename = (topic: TopicRef): TopicRef =>
    topic.internal ? topic : { ...topic, name: shadowTopic(shadow, topic.name) }
  const renameOwn = (topic: TopicRef): TopicRef => (outputs.has(topic.name) ? rename(topic) : topic)
  const source = (node: SourceNode): SourceNode => {
    if (!(node.topics instanceof RegExp)) return { ...node, topics: node.topics.map(renameOwn) }
    refusePattern(node.topics, [...outputs])
    return node
  }
  const nodes = new Map<GraphNode, GraphNode>()
  const shadowOf = (node: GraphNode): GraphNode => {
    const found = nodes.get(node)
    if (found !== undefined) return found
    const made =
      node.kind === 'source' ? source(node) : node.kind === 'sink' ? sink(node, rename) : node
    nodes.set(node, made)
    return made
  }
  const shadowPart = <P extends SubTopology>(part: P): P => {
    const own = part.nodes.map(shadowOf)
    return {
      ...part,
      nodes: own,
      sources: own.filter((node) => node.kind === 'source'),
      copartitioned: part.copartitioned.map((group) => group.map(renameOwn)),
    }
  }
  const made = {
    ...topology,
    subTopologies: topology.subTopologies.map(shadowPart),
    globals: topology.globals.map(shadowPart),
    deadLetters: topology.deadLetters && rename(topology.deadLetters),
  }
  return { ...made, fingerprint: fingerprintOf(made) }
}

function sink(node: SinkNode, rename: (topic: TopicRef) => TopicRef): SinkNode {
  const { target } = node
  if (typeof target !== 'function') {
    return { ...node, target: { ...target, topic: rename(target.topic) } }
  }
  // A function gives the same targets again and again: each is renamed once.
  const renamed = new WeakMap<SinkTarget, SinkTarget>()
  return {
    ...node,
    target: (value: unknown, meta: Meta): SinkTarget => {
      const chosen = target(value, meta)
      let made = renamed.get(chosen)
      if (made === undefined) {
        made = { ...chosen, topic: rename(chosen.topic) }
        renamed.set(chosen, made)
      }
      return made
    },
  }
}

function refusePattern(pattern: RegExp, outputs: readonly string[]): void {
  const own = outputs.find((topic) => topic.search(pattern) >= 0)
  if (own === undefined) return
  throw invalidTopology(
    `the pattern ${pattern} reads "${own}", which the topology itself writes`,
    'Name the topics that are read: a shadow has to read its own.',
  )
}
