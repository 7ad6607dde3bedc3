import { StreamsError } from '../../core/errors.ts'
import type { TopicMetadata } from '../../kafka/port.ts'
import { topicName, type SubTopology } from '../../topology/graph.ts'
import type { Topology } from '../../topology/topology.ts'

/**
 * How many partitions every source and repartition topic has, or is to have, by names in Kafka. The
 * rules are those of Kafka Streams: a repartition topic has the count it was given; else that of
 * the topics it must match; else that of the largest source of the sub-topologies that write it.
 */
export function partitionCounts(
  topology: Topology,
  applicationId: string,
  topics: ReadonlyMap<number, readonly string[]>,
  metadata: ReadonlyMap<string, TopicMetadata>,
): ReadonlyMap<string, number> {
  const repartitions = new Map(
    [...topology.repartitions.values()].map(({ name, partitions }) => [
      topicName({ name, internal: true }, applicationId),
      partitions,
    ]),
  )
  const counts = new Map<string, number>()
  for (const [topic, partitions] of repartitions) {
    if (partitions !== undefined) counts.set(topic, partitions)
  }
  const missing: string[] = []
  for (const topic of [...topics.values()].flat()) {
    if (repartitions.has(topic)) continue
    const partitions = metadata.get(topic)?.partitions.length ?? 0
    if (partitions > 0) counts.set(topic, partitions)
    else missing.push(topic)
  }
  if (missing.length > 0) throw topicsMissing(missing)
  const groups = equalGroups(topology, applicationId, [...repartitions.keys()])
  const open = groups.filter((group) => !countByOthers(group, counts))
  countByWriters(open, counts, writtenBy(topology, applicationId), topics)
  const unknown = [...repartitions.keys()].filter((topic) => !counts.has(topic))
  if (unknown.length > 0) throw countUnknown(unknown)
  return counts
}

/**
 * Topics whose counts must be equal, merged where groups overlap; a repartition topic alone is a
 * group of one.
 */
function equalGroups(
  topology: Topology,
  applicationId: string,
  repartitions: readonly string[],
): readonly (readonly string[])[] {
  const copartitioned = topology.subTopologies.flatMap((each) =>
    each.copartitioned.map((group) => group.map((topic) => topicName(topic, applicationId))),
  )
  let groups: string[][] = []
  for (const group of [...copartitioned, ...repartitions.map((topic) => [topic])]) {
    const overlaps = (other: readonly string[]): boolean =>
      other.some((topic) => group.includes(topic))
    const merged = new Set([...groups.filter(overlaps).flat(), ...group])
    groups = [...groups.filter((other) => !overlaps(other)), [...merged]]
  }
  return groups
}

/** True when a topic of the group has a count, which then is everyone's. */
function countByOthers(group: readonly string[], counts: Map<string, number>): boolean {
  const [first, ...others] = group.filter((topic) => counts.has(topic))
  if (first === undefined) return false
  const count = counts.get(first) as number
  const different = others.find((topic) => counts.get(topic) !== count)
  if (different !== undefined) {
    throw new StreamsError('TOPIC_MISMATCHED', {
      message: `topics "${first}" and "${different}" meet in a store or join and must have equally many partitions, but have ${count} and ${counts.get(different)}`,
      hint: 'Send one of them through .repartition({ name, partitions }) with the partition count of the other.',
    })
  }
  for (const topic of group) counts.set(topic, count)
  return true
}

/**
 * Counts grow with those of the topics upstream until nothing changes: repartition topics may feed
 * each other in chains and even in a circle.
 */
function countByWriters(
  groups: readonly (readonly string[])[],
  counts: Map<string, number>,
  writers: ReadonlyMap<string, readonly SubTopology[]>,
  topics: ReadonlyMap<number, readonly string[]>,
): void {
  let changed: boolean
  do {
    changed = false
    for (const group of groups) {
      const upstream = group
        .flatMap((topic) => writers.get(topic) ?? [])
        .flatMap(({ id }) => topics.get(id) ?? [])
      const count = Math.max(0, ...upstream.map((topic) => counts.get(topic) ?? 0))
      for (const topic of group) {
        if (count <= (counts.get(topic) ?? 0)) continue
        counts.set(topic, count)
        changed = true
      }
    }
  } while (changed)
}

/** The sub-topologies that write to each repartition topic. */
function writtenBy(
  topology: Topology,
  applicationId: string,
): ReadonlyMap<string, readonly SubTopology[]> {
  const writers = new Map<string, SubTopology[]>()
  for (const subTopology of topology.subTopologies) {
    for (const node of subTopology.nodes) {
      // A sink that chooses its topic for each record chooses among the user's topics.
      if (node.kind !== 'sink' || typeof node.target === 'function') continue
      if (!node.target.topic.internal) continue
      const topic = topicName(node.target.topic, applicationId)
      writers.set(topic, [...(writers.get(topic) ?? []), subTopology])
    }
  }
  return writers
}

const quoted = (topics: readonly string[]): string => topics.map((topic) => `"${topic}"`).join(', ')

const topicsMissing = (topics: readonly string[]): StreamsError =>
  new StreamsError('TOPIC_MISSING', {
    message:
      topics.length === 1
        ? `source topic ${quoted(topics)} does not exist`
        : `source topics ${quoted(topics)} do not exist`,
    hint: `Create ${topics.length === 1 ? 'it' : 'them'} before the application starts: \`millrace topic create ${topics.join(' ')} --partitions <count>\`.`,
  })

const countUnknown = (topics: readonly string[]): StreamsError =>
  new StreamsError('TOPIC_MISSING', {
    message: `nothing tells how many partitions ${quoted(topics)} should have: no topic exists upstream`,
    hint: 'Create a topic that the source pattern matches, or give the count: .repartition({ name, partitions }).',
  })
