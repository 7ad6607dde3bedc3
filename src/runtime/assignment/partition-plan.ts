import type { Clock } from '../../core/clock.ts'
import { isStreamsError } from '../../core/errors.ts'
import { taskId, type TaskId } from '../../core/task-id.ts'
import type { TopicPartition } from '../../core/topic-partition.ts'
import { retrying, wasRefusedOrLost, type RetryPolicy } from '../../kafka/client/retrying.ts'
import type { KafkaPort, TopicMetadata } from '../../kafka/port.ts'
import { changelogConfigs, changelogTopic } from '../../state/changelog/changelog-topic.ts'
import type { StoreSpec } from '../../state/store-spec.ts'
import { topicName } from '../../topology/graph.ts'
import type { Topology } from '../../topology/topology.ts'
import { partitionCounts } from './partition-counts.ts'
import { sourceTopics, topicsToLookUp } from './source-topics.ts'

/** Brokers hear of a new topic at different times: one that is missing is looked for again. */
const LOOKS_MAX = 5
const LOOK_AGAIN_AFTER_MS = 300

const retry: RetryPolicy = {
  initialMs: 20,
  maxMs: 500,
  timeoutMs: 30_000,
  cures: wasRefusedOrLost,
}

export interface PlannedTask {
  readonly id: TaskId
  readonly subTopology: number
  readonly partition: number
  /** Partition `partition` of each source topic that has it. */
  readonly sources: readonly TopicPartition[]
  readonly stateful: boolean
  /** Whether any of its state is in a changelog. */
  readonly logged: boolean
}

export interface PlannedChangelog {
  readonly topic: string
  readonly store: string
  readonly subTopology: number
  readonly partitions: number
  readonly configs: Readonly<Record<string, string>>
}

/** What a topology comes to on a given cluster; topics by their names in Kafka. */
export interface PartitionPlan {
  /** By sub-topology, then by partition. */
  readonly tasks: readonly PlannedTask[]
  /** Everything that is read, repartition topics too. */
  readonly sourceTopics: readonly string[]
  readonly repartitions: readonly { readonly topic: string; readonly partitions: number }[]
  readonly changelogs: readonly PlannedChangelog[]
}

/**
 * As Kafka Streams: a sub-topology has as many tasks as its largest source topic has partitions,
 * and its changelogs as many partitions. Throws `TOPIC_MISSING` naming every source topic that is
 * not in the metadata, `TOPIC_MISMATCHED` where co-partitioned topics differ in their counts, and
 * `INVALID_TOPOLOGY` where two sources read one topic.
 */
export function planPartitions(
  topology: Topology,
  applicationId: string,
  metadata: ReadonlyMap<string, TopicMetadata>,
): PartitionPlan {
  const topics = sourceTopics(topology, applicationId, metadata.keys())
  const counts = partitionCounts(topology, applicationId, topics, metadata)
  const countOf = (topic: string): number => counts.get(topic) ?? 0
  const tasks: PlannedTask[] = []
  const changelogs: PlannedChangelog[] = []
  for (const { id, stores } of topology.subTopologies) {
    const sources = topics.get(id) ?? []
    const partitions = Math.max(0, ...sources.map(countOf))
    for (let partition = 0; partition < partitions; partition += 1) {
      tasks.push({
        id: taskId(id, partition),
        subTopology: id,
        partition,
        sources: sources
          .filter((topic) => partition < countOf(topic))
          .map((topic) => ({ topic, partition })),
        stateful: stores.length > 0,
        logged: stores.some((name) => topology.stores.get(name)?.logged === true),
      })
    }
    // A pattern that matches nothing yet: there is no task, so there is no state.
    if (partitions === 0) continue
    for (const name of stores) {
      const store = topology.stores.get(name) as StoreSpec
      if (!store.logged) continue
      changelogs.push({
        topic: changelogTopic(applicationId, name),
        store: name,
        subTopology: id,
        partitions,
        configs: changelogConfigs(store),
      })
    }
  }
  const repartitions = [...topology.repartitions.keys()].map((name) => {
    const topic = topicName({ name, internal: true }, applicationId)
    return { topic, partitions: countOf(topic) }
  })
  return { tasks, sourceTopics: [...topics.values()].flat(), repartitions, changelogs }
}

/**
 * The plan on the cluster as it is now. Throws as {@link planPartitions}, or the last `KafkaError`.
 */
export async function readPartitionPlan(deps: {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly topology: Topology
  readonly applicationId: string
}): Promise<PartitionPlan> {
  const { port, clock, topology, applicationId } = deps
  const wanted = topicsToLookUp(topology)
  for (let look = 1; ; look += 1) {
    const metadata = await retrying(clock, retry, () => port.metadata(wanted))
    try {
      return planPartitions(topology, applicationId, metadata)
    } catch (error) {
      const missing = isStreamsError(error) && error.code === 'TOPIC_MISSING'
      if (!missing || look === LOOKS_MAX) throw error
    }
    await clock.sleep(LOOK_AGAIN_AFTER_MS)
  }
}
