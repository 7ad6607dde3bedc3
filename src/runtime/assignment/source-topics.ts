import { StreamsError } from '../../core/errors.ts'
import { topicName, type SourceNode } from '../../topology/graph.ts'
import type { Topology } from '../../topology/topology.ts'

/** Internal topics and what depends on them are named after the application. */
const internalSuffixes = ['-changelog', '-repartition']

/**
 * The topics that each sub-topology reads, by their names in Kafka and in a fixed order; a pattern
 * stands for those of `existing` that it matches. Throws `INVALID_TOPOLOGY` where two sources read
 * the same topic: its offsets can only be committed once.
 */
export function sourceTopics(
  topology: Topology,
  applicationId: string,
  existing: Iterable<string>,
): ReadonlyMap<number, readonly string[]> {
  const names = [...existing].sort()
  const readBy = new Map<string, SourceNode>()
  const topics = new Map<number, readonly string[]>()
  for (const { id, sources } of topology.subTopologies) {
    const ofSubTopology = sources.flatMap((source) => {
      const found = topicsOf(source, applicationId, names)
      for (const topic of found) {
        const other = readBy.get(topic)
        if (other !== undefined) throw readTwice(topic, other, source)
        readBy.set(topic, source)
      }
      return found
    })
    topics.set(id, ofSubTopology)
  }
  return topics
}

function topicsOf(
  { topics }: SourceNode,
  applicationId: string,
  existing: readonly string[],
): readonly string[] {
  return topics instanceof RegExp
    ? existing.filter((name) => isUserTopic(name, applicationId) && name.search(topics) >= 0)
    : topics.map((topic) => topicName(topic, applicationId))
}

/**
 * A pattern never reads Kafka's own topics or our own internal ones: `/./` would make a loop. Only
 * names that can be internal are left out: `orders-eu` is data, also of the application `orders`.
 */
const isUserTopic = (name: string, applicationId: string): boolean =>
  !name.startsWith('__') &&
  !(
    name.startsWith(`${applicationId}-`) && internalSuffixes.some((suffix) => name.endsWith(suffix))
  )

const readTwice = (topic: string, first: SourceNode, second: SourceNode): StreamsError =>
  new StreamsError('INVALID_TOPOLOGY', {
    message: `topic "${topic}" is read by ${first.name} and by ${second.name}`,
    hint: 'Write the patterns so that each topic is matched by one source only.',
  })

/** What has to be asked of the cluster before partitions can be planned. */
export function topicsToLookUp(topology: Topology): readonly string[] | 'all' {
  const names: string[] = []
  for (const { topics } of topology.subTopologies.flatMap(({ sources }) => sources)) {
    if (topics instanceof RegExp) return 'all'
    for (const { name, internal } of topics) if (!internal) names.push(name)
  }
  return names
}
