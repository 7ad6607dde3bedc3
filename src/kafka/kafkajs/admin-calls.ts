import type { Clock } from '../../core/clock.ts'
import { KafkaError, type KafkaPort, type TopicSpec } from '../port.ts'
import { kafkaErrorFrom } from '../wire/error-codes.ts'
import type { Cluster } from './cluster.ts'
import { listOffsetsRequest } from './requests/list-offsets.ts'
import {
  createTopicsRequest,
  deleteRecordsRequest,
  deleteTopicsByIdRequest,
  deleteTopicsRequest,
  describeConfigsRequest,
} from './requests/topics.ts'

const LEADER_PAUSE_MS = 20
const UNKNOWN_TOPIC_OR_PARTITION = 3

export interface AdminDeps {
  readonly clock: Clock
  readonly timeoutMs: number
}

export const adminCalls = (
  cluster: Cluster,
  { clock, timeoutMs }: AdminDeps,
): Pick<
  KafkaPort,
  'createTopics' | 'describeConfigs' | 'deleteRecords' | 'deleteTopics' | 'deleteTopicsById'
> => ({
  createTopics: async (topics) => {
    await cluster.toController(createTopicsRequest(topics, timeoutMs))
    await leadersAnswer(cluster, topics, clock, timeoutMs)
  },

  describeConfigs: (topics) => cluster.toAny(describeConfigsRequest(topics)),

  deleteRecords: async (partitions) => {
    await cluster.toLeaders(partitions, (led) => deleteRecordsRequest(led, timeoutMs))
  },

  deleteTopics: (topics) => cluster.toController(deleteTopicsRequest(topics, timeoutMs)),

  deleteTopicsById: (ids) => cluster.toController(deleteTopicsByIdRequest(ids, timeoutMs)),
})

/**
 * A topic is created before its leaders are elected, and they are elected before they know it: only
 * a leader that answers for a partition can be written to.
 */
async function leadersAnswer(
  cluster: Cluster,
  topics: readonly TopicSpec[],
  clock: Clock,
  timeoutMs: number,
): Promise<void> {
  const names = topics.map(({ name }) => name)
  const deadlineMs = clock.nowMs() + timeoutMs
  for (;;) {
    try {
      await askLeaders(cluster, names)
      return
    } catch (error) {
      const mayPass = error instanceof KafkaError && error.kind !== 'fatal'
      if (!mayPass || clock.nowMs() >= deadlineMs) throw error
    }
    await clock.sleep(LEADER_PAUSE_MS)
  }
}

async function askLeaders(cluster: Cluster, names: readonly string[]): Promise<void> {
  const { topics } = await cluster.metadata(names)
  const partitions = names.flatMap((topic) => {
    const found = topics.get(topic)
    if (found === undefined) throw kafkaErrorFrom(UNKNOWN_TOPIC_OR_PARTITION, `creating "${topic}"`)
    return found.partitions.map(({ id }) => ({ topic, partition: id }))
  })
  await cluster.toLeaders(partitions, (led) =>
    listOffsetsRequest(led, 'earliest', 'read_uncommitted'),
  )
}
