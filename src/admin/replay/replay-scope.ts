import { StreamsError } from '../../core/errors.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import type { PartitionPlan } from '../../runtime/assignment/partition-plan.ts'
import { topicName, type SubTopology } from '../../topology/graph.ts'
import type { Topology } from '../../topology/topology.ts'

/** What a replay is about: topics by their names in Kafka. */
export interface ReplayScope {
  /** To be read again. */
  readonly inputs: readonly TopicPartition[]
  /** What is between the steps, and will be written again. */
  readonly repartitions: readonly TopicPartition[]
  /** Whose state is built again. */
  readonly stores: readonly string[]
  readonly changelogs: readonly string[]
}

export interface ScopeOptions {
  readonly topology: Topology
  readonly applicationId: string
  readonly plan: PartitionPlan
  /** `topic` or `topic:partition`; undefined: everything that is read. */
  readonly topics: readonly string[] | undefined
  readonly keepsState: boolean
}

/**
 * The input that was chosen and, where state is reset, all that was made of it. State cannot be
 * taken back in part: where it was also made of input that is not chosen, this throws
 * `INVALID_CONFIG`, as it does for topics that the topology does not read.
 */
export function replayScope(options: ScopeOptions): ReplayScope {
  const { topology, applicationId, plan, topics, keepsState } = options
  const internal = new Set(plan.repartitions.map(({ topic }) => topic))
  const sources = plan.tasks.flatMap((task) => task.sources)
  const external = sources.filter(({ topic }) => !internal.has(topic))
  const inputs = topics === undefined ? external : chosen(topics, external)
  if (keepsState) return { inputs, repartitions: [], stores: [], changelogs: [] }
  const flow = new Flow(topology, applicationId, plan)
  const affected = flow.downstream(new Set(inputs.map(({ topic }) => topic)))
  const chosenKeys = new Set(inputs.map(keyOf))
  for (const part of affected) {
    const isStateless = part.stores.length === 0 && flow.internalSources(part).length === 0
    if (isStateless) continue
    const isLeftOut = (each: TopicPartition): boolean => !chosenKeys.has(keyOf(each))
    const leftOut = external.filter(({ topic }) => flow.upstream(part).has(topic)).find(isLeftOut)
    if (leftOut !== undefined) throw madeOfMore(part, leftOut)
  }
  const emptied = new Set(affected.flatMap((part) => flow.internalSources(part)))
  const stores = affected.flatMap((part) => part.stores)
  return {
    inputs,
    repartitions: sources.filter(({ topic }) => emptied.has(topic)),
    stores,
    changelogs: plan.changelogs
      .filter(({ store }) => stores.includes(store))
      .map(({ topic }) => topic),
  }
}

const keyOf = ({ topic, partition }: TopicPartition): string => topicPartitionKey(topic, partition)

/** How sub-topologies hang together by the repartition topics between them. */
class Flow {
  readonly #parts: readonly SubTopology[]
  /** By sub-topology, the names in Kafka. */
  readonly #sources = new Map<number, readonly string[]>()
  readonly #written = new Map<number, readonly string[]>()
  readonly #internal: ReadonlySet<string>

  constructor({ subTopologies }: Topology, applicationId: string, plan: PartitionPlan) {
    this.#parts = subTopologies
    this.#internal = new Set(plan.repartitions.map(({ topic }) => topic))
    for (const { id, nodes } of subTopologies) {
      const tasks = plan.tasks.filter(({ subTopology }) => subTopology === id)
      const read = tasks.flatMap((task) => task.sources.map(({ topic }) => topic))
      this.#sources.set(id, [...new Set(read)])
      const sinks = nodes.flatMap((node) =>
        node.kind === 'sink' && typeof node.target !== 'function' ? [node.target.topic] : [],
      )
      const written = sinks.filter((topic) => topic.internal)
      this.#written.set(
        id,
        written.map((topic) => topicName(topic, applicationId)),
      )
    }
  }

  internalSources({ id }: SubTopology): readonly string[] {
    return (this.#sources.get(id) ?? []).filter((topic) => this.#internal.has(topic))
  }

  /** Those that read one of the topics, and those that read what they write. */
  downstream(topics: ReadonlySet<string>): readonly SubTopology[] {
    const reached = new Set(topics)
    const found = new Set<SubTopology>()
    const isNext = (part: SubTopology): boolean =>
      !found.has(part) && (this.#sources.get(part.id) ?? []).some((topic) => reached.has(topic))
    for (let next = this.#parts.find(isNext); next !== undefined; next = this.#parts.find(isNext)) {
      found.add(next)
      for (const topic of this.#written.get(next.id) ?? []) reached.add(topic)
    }
    return this.#parts.filter((part) => found.has(part))
  }

  /** Every topic that its records come from, in however many steps. */
  upstream(part: SubTopology): ReadonlySet<string> {
    const topics = new Set(this.#sources.get(part.id))
    for (const topic of topics) {
      for (const writer of this.#parts) {
        if (!(this.#written.get(writer.id) ?? []).includes(topic)) continue
        for (const source of this.#sources.get(writer.id) ?? []) topics.add(source)
      }
    }
    return topics
  }
}

function chosen(
  topics: readonly string[],
  external: readonly TopicPartition[],
): readonly TopicPartition[] {
  const wanted = topics.map((text) => {
    const [topic = '', partition] = text.split(':')
    return { text, topic, partition: partition === undefined ? undefined : Number(partition) }
  })
  const isMeant = (each: TopicPartition, { topic, partition }: (typeof wanted)[number]): boolean =>
    each.topic === topic && (partition === undefined || each.partition === partition)
  for (const each of wanted) {
    if (!external.some((input) => isMeant(input, each))) throw notRead(each.text, external)
  }
  return external.filter((input) => wanted.some((each) => isMeant(input, each)))
}

const notRead = (text: string, external: readonly TopicPartition[]): StreamsError =>
  new StreamsError('INVALID_CONFIG', {
    message: `the topology reads no ${text}`,
    hint: `Choose from ${[...new Set(external.map(({ topic }) => topic))].join(', ')}, with a partition like topic:0 if only one is meant.`,
  })

function madeOfMore(part: SubTopology, leftOut: TopicPartition): StreamsError {
  const what = part.stores.map((store) => `store "${store}"`).join(', ')
  return new StreamsError('INVALID_CONFIG', {
    message: `${what || 'a step behind a repartition'} is also made of ${keyOf(leftOut)}, which would not be read again`,
    hint: 'Replay all that the state was made of, or keep the state: --keep-state.',
  })
}
