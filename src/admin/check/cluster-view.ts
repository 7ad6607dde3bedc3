import type { Clock } from '../../core/clock.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import { fetchCommittedOffsets, listOffsetsRetrying } from '../../kafka/client/offsets.ts'
import { retrying, wasRefusedOrLost } from '../../kafka/client/retrying.ts'
import type { KafkaPort, TopicMetadata } from '../../kafka/port.ts'
import { readPartitionPlan, type PartitionPlan } from '../../runtime/assignment/partition-plan.ts'
import { parseCommitMetadata } from '../../runtime/task/commit-metadata.ts'
import type { Topology } from '../../topology/topology.ts'

const patience = { initialMs: 20, maxMs: 500, timeoutMs: 30_000, cures: wasRefusedOrLost }
/** An open transaction over the offsets is waited for as long as it may live. */
const STABLE = { timeoutMs: 60_000 }
const LISTING = { timeoutMs: 30_000 }

export interface ClusterDeps {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly topology: Topology
  readonly applicationId: string
}

/** A cluster as an application finds it. */
export interface ClusterView {
  readonly plan: PartitionPlan
  /** All topics. */
  readonly topics: ReadonlyMap<string, TopicMetadata>
  /** Clean-up policies of the internal topics that are there. */
  readonly policies: ReadonlyMap<string, string>
  /** How many records, and marks of transactions, each partition of an internal topic holds. */
  readonly held: (topic: string) => number
  /** How many of them the group has not read. */
  readonly unread: (topic: string) => number
  /** Whether the group has read anything of these. */
  readonly hasRead: (partitions: readonly TopicPartition[]) => boolean
  readonly members: number
  readonly otherGroups: readonly string[]
  /** A replay that has begun and not ended. */
  readonly replay: string | undefined
}

/** Rejects with `TOPIC_MISSING` and `TOPIC_MISMATCHED` where the application could not start. */
export async function viewCluster(deps: ClusterDeps): Promise<ClusterView> {
  const { port, clock, applicationId } = deps
  const plan = await readPartitionPlan(deps)
  const topics = await retrying(clock, patience, () => port.metadata('all'))
  const groups = await retrying(clock, patience, () => port.listGroups())
  const internal = [...topics.keys()].filter((topic) => isInternalTo(applicationId, topic))
  const partitions = internal.flatMap((topic) => partitionsOf(topic, topics))
  const [starts, ends] = [
    await listOffsetsRetrying(port, clock, partitions, 'earliest', 'read_committed', LISTING),
    await listOffsetsRetrying(port, clock, partitions, 'latest', 'read_committed', LISTING),
  ]
  const sources = plan.tasks.flatMap((task) => task.sources)
  const offsets = groups.includes(applicationId)
    ? await fetchCommittedOffsets(port, clock, applicationId, [...sources, ...partitions], STABLE)
    : []
  const committed = new Map<string, number>()
  let replay: string | undefined
  for (const { topic, partition, offset, metadata } of offsets) {
    const parsed = parseCommitMetadata(metadata)
    if (parsed.replay !== '') replay = parsed.replay
    if (offset !== null && !parsed.isFresh) {
      committed.set(topicPartitionKey(topic, partition), offset)
    }
  }
  const keysOf = (topic: string): readonly string[] =>
    partitionsOf(topic, topics).map(({ partition }) => topicPartitionKey(topic, partition))
  const sum = (topic: string, from: (key: string) => number): number =>
    keysOf(topic).reduce((total, key) => total + Math.max(0, (ends.get(key) ?? 0) - from(key)), 0)
  return {
    plan,
    topics,
    policies: await policiesOf(deps, internal),
    held: (topic) => sum(topic, (key) => starts.get(key) ?? 0),
    unread: (topic) => sum(topic, (key) => committed.get(key) ?? starts.get(key) ?? 0),
    hasRead: (some) =>
      some.some(({ topic, partition }) => committed.has(topicPartitionKey(topic, partition))),
    members: groups.includes(applicationId) ? await membersOf(deps) : 0,
    otherGroups: groups.filter((group) => group !== applicationId),
    replay,
  }
}

/** By its name: that of another application may begin with the same words. */
export const isInternalTo = (applicationId: string, topic: string): boolean =>
  topic.startsWith(`${applicationId}-`) && /-(changelog|repartition)$/.test(topic)

const partitionsOf = (
  topic: string,
  topics: ReadonlyMap<string, TopicMetadata>,
): readonly TopicPartition[] =>
  (topics.get(topic)?.partitions ?? []).map(({ id }) => ({ topic, partition: id }))

async function policiesOf(
  { port, clock }: ClusterDeps,
  topics: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (topics.length === 0) return new Map()
  const configs = await retrying(clock, patience, () => port.describeConfigs(topics))
  return new Map([...configs].map(([topic, each]) => [topic, each['cleanup.policy'] ?? '']))
}

async function membersOf({ port, clock, applicationId }: ClusterDeps): Promise<number> {
  const { members } = await retrying(clock, patience, () => port.describeGroup(applicationId))
  return members.length
}
