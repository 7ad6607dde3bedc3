import type { Clock } from '../../core/clock.ts'
import { StreamsError } from '../../core/errors.ts'
import type { Offset } from '../../core/record.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import { listOffsetsRetrying } from '../../kafka/client/offsets.ts'
import { retrying, wasRefusedOrLost, type RetryPolicy } from '../../kafka/client/retrying.ts'
import type { KafkaPort } from '../../kafka/port.ts'

/** Brokers hear of a new topic at different times: one that is missing is looked for again. */
const LOOKS_MAX = 5
const LOOK_AGAIN_AFTER_MS = 300
/** How long a broker may take to say where a partition begins and ends. */
const LOOKUP = { timeoutMs: 60_000 }

const retry: RetryPolicy = {
  initialMs: 20,
  maxMs: 500,
  timeoutMs: 30_000,
  cures: wasRefusedOrLost,
}

export interface GlobalPartition extends TopicPartition {
  /** Another one when the topic was created anew; empty where the cluster has none. */
  readonly topicId: string
}

/** Where a partition of a global topic begins and ends. */
export interface GlobalExtent extends GlobalPartition {
  readonly start: Offset
  /** Up to here everything is committed or aborted: what has to be read before work begins. */
  readonly stableEnd: Offset
  /** Of all records, those of open transactions too. */
  readonly end: Offset
}

/**
 * Of every partition of these topics. Throws `TOPIC_MISSING`, or the last `KafkaError`. The ids
 * first: should a topic be replaced meanwhile, its new offsets go by its old id, which is found
 * out later.
 */
export async function globalExtents(
  port: KafkaPort,
  clock: Clock,
  topics: readonly string[],
): Promise<readonly GlobalExtent[]> {
  const partitions = await globalPartitions(port, clock, topics)
  const [starts, stableEnds, ends] = await Promise.all([
    listOffsetsRetrying(port, clock, partitions, 'earliest', 'read_uncommitted', LOOKUP),
    listOffsetsRetrying(port, clock, partitions, 'latest', 'read_committed', LOOKUP),
    listOffsetsRetrying(port, clock, partitions, 'latest', 'read_uncommitted', LOOKUP),
  ])
  return partitions.map((each) => {
    const key = topicPartitionKey(each.topic, each.partition)
    const start = starts.get(key) ?? 0
    const stableEnd = stableEnds.get(key) ?? start
    return { ...each, start, stableEnd, end: ends.get(key) ?? stableEnd }
  })
}

/** Throws as {@link globalExtents}. */
export async function globalPartitions(
  port: KafkaPort,
  clock: Clock,
  topics: readonly string[],
): Promise<readonly GlobalPartition[]> {
  for (let look = 1; ; look += 1) {
    const metadata = await retrying(clock, retry, () => port.metadata(topics))
    const partitionsOf = (topic: string): readonly GlobalPartition[] => {
      const { id: topicId = '', partitions = [] } = metadata.get(topic) ?? {}
      return partitions.map(({ id: partition }) => ({ topic, partition, topicId }))
    }
    const missing = topics.filter((topic) => partitionsOf(topic).length === 0)
    if (missing.length === 0) return topics.flatMap(partitionsOf)
    if (look === LOOKS_MAX) throw topicMissing(missing)
    await clock.sleep(LOOK_AGAIN_AFTER_MS)
  }
}

const topicMissing = (topics: readonly string[]): StreamsError =>
  new StreamsError('TOPIC_MISSING', {
    message: `global topic ${topics.map((topic) => `"${topic}"`).join(', ')} does not exist`,
    hint: `Create it before the application starts: \`millrace topic create ${topics.join(' ')} --partitions <count>\`.`,
  })
