import type { StoreSpec } from '../../state/store-spec.ts'
import type { GraphNode, NodeInput, ProcessorNode, TopicRef } from '../graph.ts'
import { topicLabel } from '../topic-label.ts'
import type { Topology } from '../topology.ts'

/** A topology as a person draws it: steps in boxes, topics around them. */
export interface Sketch {
  readonly name: string
  readonly topics: readonly SketchTopic[]
  readonly groups: readonly SketchGroup[]
  /** Between a topic and a box. */
  readonly lines: readonly SketchLine[]
  readonly deadLetters: string | undefined
}

export interface SketchTopic {
  readonly id: string
  readonly label: string
  readonly kind: 'topic' | 'repartition' | 'pattern' | 'chosen'
}

/** A sub-topology. */
export interface SketchGroup {
  readonly id: string
  readonly title: string
  readonly cards: readonly SketchCard[]
  /** Stores that several steps use. */
  readonly stores: readonly SketchStore[]
  /** Between cards and stores, and the ids of topics, which are the doors of the box. */
  readonly links: readonly SketchLink[]
}

export interface SketchCard {
  readonly id: string
  readonly title: string
  readonly detail: string | undefined
  /** Those that no other step uses. */
  readonly stores: readonly SketchStore[]
}

export interface SketchStore {
  readonly id: string
  readonly label: string
  /** Undefined for the usual: a key-value store with a changelog. */
  readonly note: string | undefined
}

export interface SketchLink {
  readonly from: string
  readonly to: string
  /** A branch or a side output. */
  readonly label: string | undefined
}

export interface SketchLine {
  readonly topic: string
  readonly group: string
  readonly direction: 'in' | 'out'
}

/** Steps that are there for the machine, not for the reader. */
const plumbing = new Set(['drop-null-keys', 'to-stream', 'result'])

export function sketchOf(topology: Topology): Sketch {
  const topics = new Map<string, SketchTopic>()
  const lines = new Map<string, SketchLine>()
  // A global store needs no changelog: its topic is one.
  const notes = new Map([...topology.stores].map(([name, spec]) => [name, noteOf(spec)] as const))
  const parts = [
    ...topology.subTopologies.map(({ id, nodes }) => ({ id, nodes, title: `Sub-topology ${id}` })),
    ...topology.globals.map(({ id, nodes }) => ({ id, nodes, title: 'In every thread' })),
  ]
  const groups = parts.map((part) => {
    const group = groupOf(part, notes, topics)
    for (const { from, to } of group.links) {
      const line: SketchLine | undefined = topics.has(from)
        ? { topic: from, group: group.id, direction: 'in' }
        : topics.has(to)
          ? { topic: to, group: group.id, direction: 'out' }
          : undefined
      if (line !== undefined) lines.set(`${line.topic} ${line.direction} ${line.group}`, line)
    }
    return group
  })
  return {
    name: topology.name,
    topics: [...topics.values()],
    groups,
    lines: [...lines.values()],
    deadLetters: topology.deadLetters?.name,
  }
}

interface GroupPart {
  readonly id: number
  readonly title: string
  readonly nodes: readonly GraphNode[]
}

function groupOf(
  { id, nodes, title }: GroupPart,
  notes: Notes,
  topics: Map<string, SketchTopic>,
): SketchGroup {
  const shared = sharedStores(nodes)
  const processors = nodes.filter((node) => node.kind === 'processor')
  const cards = processors
    .filter((node) => !isPlumbing(node))
    .map((node) =>
      cardOf(
        node,
        storesOf(node, notes).filter((store) => !shared.has(store.label)),
      ),
    )
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const links = nodes.flatMap((node) => linksTo(node, byName, topics))
  // What is only read and written again has no step: the box would be empty.
  for (const [at, link] of links.entries()) {
    if (!topics.has(link.from) || !topics.has(link.to)) continue
    const card = {
      id: `copy ${link.from} ${link.to}`,
      title: 'copy',
      detail: undefined,
      stores: [],
    }
    cards.push(card)
    links.splice(at, 1, { ...link, to: card.id }, { from: card.id, to: link.to, label: undefined })
  }
  return {
    id: `sub-topology ${id}`,
    title,
    cards,
    stores: [...shared].map((name) => storeOf(name, notes)),
    links: [...distinct(links), ...storeLinks(processors, shared)],
  }
}

const isPlumbing = (node: ProcessorNode): boolean =>
  plumbing.has(node.operator) && node.stores.length === 0

/** What leads to a node, steps that are not drawn left out. */
function linksTo(
  node: GraphNode,
  byName: ReadonlyMap<string, GraphNode>,
  topics: Map<string, SketchTopic>,
): readonly SketchLink[] {
  if (node.kind === 'source' || (node.kind === 'processor' && isPlumbing(node))) return []
  const to = node.kind === 'processor' ? node.name : topicOf(node, topics).id
  return node.inputs.flatMap((input) =>
    originsOf(input, byName).flatMap(({ node: name, output }) => {
      const origin = byName.get(name)
      if (origin?.kind !== 'source') return [{ from: name, to, label: output }]
      return topicsOf(origin.topics, topics).map((topic) => ({
        from: topic.id,
        to,
        label: undefined,
      }))
    }),
  )
}

function originsOf(input: NodeInput, byName: ReadonlyMap<string, GraphNode>): readonly NodeInput[] {
  const node = byName.get(input.node)
  if (node?.kind !== 'processor' || !isPlumbing(node)) return [input]
  return node.inputs.flatMap((each) => originsOf(each, byName))
}

function topicsOf(
  refs: readonly TopicRef[] | RegExp,
  topics: Map<string, SketchTopic>,
): readonly SketchTopic[] {
  if (refs instanceof RegExp) return [added(topics, String(refs), 'pattern')]
  return refs.map((ref) => added(topics, topicLabel(ref), ref.internal ? 'repartition' : 'topic'))
}

function topicOf(
  node: Extract<GraphNode, { kind: 'sink' }>,
  topics: Map<string, SketchTopic>,
): SketchTopic {
  // Each such sink has a choice of its own.
  if (typeof node.target === 'function') return added(topics, node.name, 'chosen')
  const { topic } = node.target
  return added(topics, topicLabel(topic), topic.internal ? 'repartition' : 'topic')
}

function added(
  topics: Map<string, SketchTopic>,
  name: string,
  kind: SketchTopic['kind'],
): SketchTopic {
  const id = `${kind} ${name}`
  const topic: SketchTopic = topics.get(id) ?? {
    id,
    label: kind === 'chosen' ? 'a topic chosen for each record' : name,
    kind,
  }
  topics.set(id, topic)
  return topic
}

function sharedStores(nodes: readonly GraphNode[]): ReadonlySet<string> {
  const seen = new Set<string>()
  const shared = new Set<string>()
  for (const node of nodes) {
    if (node.kind !== 'processor') continue
    for (const store of node.stores) {
      if (seen.has(store)) shared.add(store)
      seen.add(store)
    }
  }
  return shared
}

const storesOf = ({ stores }: ProcessorNode, notes: Notes): readonly SketchStore[] =>
  stores.map((name) => storeOf(name, notes))

const storeOf = (name: string, notes: Notes): SketchStore => ({
  id: `store ${name}`,
  label: name,
  note: notes.get(name),
})

/** By store; nothing is said of a key-value store with a changelog. */
type Notes = ReadonlyMap<string, string | undefined>

function noteOf({ kind, logged }: StoreSpec): string | undefined {
  const notes = [kind === 'key-value' ? [] : [kind], logged ? [] : ['no changelog']].flat()
  return notes.length === 0 ? undefined : notes.join(', ')
}

/** The step that comes first keeps the rows; those that come after look at them. */
function storeLinks(
  processors: readonly ProcessorNode[],
  shared: ReadonlySet<string>,
): readonly SketchLink[] {
  const kept = new Set<string>()
  return processors.flatMap(({ name, stores }) =>
    stores
      .filter((store) => shared.has(store))
      .map((store) => {
        const isKeeper = !kept.has(store)
        kept.add(store)
        const id = `store ${store}`
        return isKeeper
          ? { from: name, to: id, label: undefined }
          : { from: id, to: name, label: undefined }
      }),
  )
}

function distinct(links: readonly SketchLink[]): readonly SketchLink[] {
  const byEnds = new Map(links.map((link) => [`${link.from}\n${link.to}\n${link.label}`, link]))
  return [...byEnds.values()]
}

/**
 * `count(clicks)` and `cogroup-2(clicks)` say what they are and of what, `filter-2` that it is one
 * of the filters; other names were given by a person.
 */
function cardOf({ name, operator }: ProcessorNode, stores: readonly SketchStore[]): SketchCard {
  if (name.replace(/-\d+$/, '') === operator) {
    return { id: name, title: wordOf(operator), detail: undefined, stores }
  }
  const [, step, inside] = /^([a-z-]+?)(?:-\d+)?\((.+)\)$/.exec(name) ?? []
  if (step === undefined) return { id: name, title: name, detail: wordOf(operator), stores }
  const isShown = stores.some(({ label }) => label === inside)
  return { id: name, title: wordOf(step), detail: isShown ? undefined : inside, stores }
}

/** As the word is written in a topology. */
const wordOf = (operator: string): string =>
  operator.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
