import type { GraphNode, SourceNode, SubTopology, TopicRef } from './graph.ts'

/**
 * Cuts a graph into what one task can run: nodes that are connected, by an edge or by a store they
 * share. Numbered in the order of their first node, as Kafka Streams does. Expects a node after the
 * nodes that lead to it.
 */
export function subTopologiesOf(nodes: readonly GraphNode[], firstId = 0): readonly SubTopology[] {
  const groups = new DisjointSets()
  for (const node of nodes) {
    groups.add(node.name)
    for (const input of inputsOf(node)) groups.unite(input.node, node.name)
    for (const store of storesOf(node)) groups.unite(`store ${store}`, node.name)
  }
  const byRoot = Map.groupBy(nodes, (node) => groups.root(node.name))
  return Object.freeze(
    [...byRoot.values()].map((members, index) =>
      Object.freeze({
        id: firstId + index,
        nodes: Object.freeze(members),
        sources: Object.freeze(members.filter((node) => node.kind === 'source')),
        stores: Object.freeze([...new Set(members.flatMap(storesOf))]),
        copartitioned: copartitionedTopics(members),
      }),
    ),
  )
}

/**
 * Topics whose records meet in a store: a key must be in the same partition of each, or its state
 * would be split between tasks. Kafka Streams checks this for joins only; a merge in front of an
 * aggregation goes wrong there without a word. Patterns are left out: their topics are not known
 * yet.
 */
function copartitionedTopics(nodes: readonly GraphNode[]): readonly (readonly TopicRef[])[] {
  const upstream = new Map<string, ReadonlySet<SourceNode>>()
  const groups = new DisjointSets()
  const topics = new Map<string, TopicRef>()
  for (const node of nodes) {
    const sources = new Set(node.kind === 'source' ? [node] : [])
    for (const input of inputsOf(node)) {
      for (const source of upstream.get(input.node) ?? []) sources.add(source)
    }
    upstream.set(node.name, sources)
    for (const store of storesOf(node)) {
      for (const source of sources) {
        if (source.topics instanceof RegExp) continue
        for (const topic of source.topics) {
          const key = `topic ${topic.internal ? 'internal' : 'external'} ${topic.name}`
          topics.set(key, topic)
          groups.unite(`store ${store}`, key)
        }
      }
    }
  }
  const byRoot = Map.groupBy(topics.keys(), (key) => groups.root(key))
  const found = [...byRoot.values()].filter((keys) => keys.length > 1)
  return Object.freeze(
    found.map((keys) => Object.freeze(keys.flatMap((key) => topics.get(key) ?? []))),
  )
}

const inputsOf = (node: GraphNode) => (node.kind === 'source' ? [] : node.inputs)

const storesOf = (node: GraphNode) => (node.kind === 'processor' ? node.stores : [])

/** Union-find over names. */
class DisjointSets {
  readonly #parents = new Map<string, string>()

  add(name: string): void {
    if (!this.#parents.has(name)) this.#parents.set(name, name)
  }

  root(name: string): string {
    this.add(name)
    let at = name
    for (;;) {
      const parent = this.#parents.get(at) ?? at
      if (parent === at) return at
      at = parent
    }
  }

  unite(left: string, right: string): void {
    this.#parents.set(this.root(right), this.root(left))
  }
}
