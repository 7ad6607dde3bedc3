import type { Clock } from '../../core/clock.ts'
import { StreamsError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import { fetchCommittedOffsets, listOffsetsRetrying } from '../../kafka/client/offsets.ts'
import { fetchTopicIds } from '../../kafka/client/topics.ts'
import type { FetchedOffset, KafkaPort } from '../../kafka/port.ts'
import { topicName, type OffsetReset } from '../../topology/graph.ts'
import type { Topology } from '../../topology/topology.ts'
import { parseCommitMetadata } from '../task/commit-metadata.ts'
import { topicIdentity } from '../task/identities.ts'
import type { StartPosition } from '../task/task-options.ts'

/** An open transaction over the offsets is waited for at least as long as it may live. */
const STABLE_OFFSETS_TIMEOUT_MS = 120_000
const LOOKUP = { timeoutMs: 60_000 }

export interface Positions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly applicationId: string
  readonly resetOf: (topic: string) => OffsetReset
}

/** Where the partitions resume: what the group committed, else what the topology's reset says. */
export async function startPositions(
  positions: Positions,
  partitions: readonly TopicPartition[],
): Promise<readonly StartPosition[]> {
  const { port, clock, applicationId, logger } = positions
  const committed = await fetchCommittedOffsets(port, clock, applicationId, partitions, {
    timeoutMs: STABLE_OFFSETS_TIMEOUT_MS,
  })
  refuseToResume(applicationId, committed)
  const names = [...new Set(committed.map(({ topic }) => topic))]
  const ids = await fetchTopicIds(port, clock, names, LOOKUP)
  return Promise.all(
    committed.map(async ({ topic, partition, offset, metadata }) => {
      const { isFresh, topic: before } = parseCommitMetadata(metadata)
      const topicIs = topicIdentity(ids.get(topic) ?? '')
      const isReset = before !== '' && topicIs !== '' && before !== topicIs
      const isNone = offset === null || isFresh
      if (isReset) {
        logger.warn({ topic, partition, offset }, 'the committed offset is of a topic that is gone')
      }
      return {
        topic,
        partition,
        topicIs,
        isReset,
        metadata: isNone ? null : metadata,
        offset: isNone || isReset ? await resetPosition(positions, { topic, partition }) : offset,
      }
    }),
  )
}

/** Half of a replay is no state to resume from: its changelogs may be gone, its offsets not set. */
function refuseToResume(applicationId: string, committed: readonly FetchedOffset[]): void {
  for (const { topic, partition, metadata } of committed) {
    const { replay } = parseCommitMetadata(metadata)
    if (replay === '') continue
    throw new StreamsError('REPLAY_UNFINISHED', {
      message: `replay ${replay} of application "${applicationId}" has not ended: ${topic}-${partition} has no position to resume from`,
      hint: 'Wait until `millrace replay` is done. If it was interrupted, run it again: it goes on where it was.',
    })
  }
}

/** For a partition without a usable offset: nothing committed, or no longer in the topic. */
export async function resetPosition(
  { port, clock, resetOf, logger }: Positions,
  partition: TopicPartition,
): Promise<number> {
  const reset = resetOf(partition.topic)
  if (reset === 'none') {
    throw new StreamsError('OFFSET_MISSING', {
      message: `there is no committed offset to resume ${partition.topic}-${partition.partition} from`,
      hint: "Give the source `reset: 'earliest'` or `'latest'`, or set the position with `millrace replay`.",
    })
  }
  const at = typeof reset === 'string' ? reset : clock.nowMs() - reset.byMs
  const lookUp = async (where: 'latest' | typeof at): Promise<number | null> => {
    const found = await listOffsetsRetrying(
      port,
      clock,
      [partition],
      where,
      'read_committed',
      LOOKUP,
    )
    return found.get(topicPartitionKey(partition.topic, partition.partition)) ?? null
  }
  const offset = (await lookUp(at)) ?? (await lookUp('latest')) ?? 0
  logger.info({ ...partition, reset, offset }, 'no committed offset: starting by the reset policy')
  return offset
}

/**
 * The reset policy of a topic by its name in Kafka; repartition topics are read from their start.
 */
export function resetPolicies(
  { subTopologies }: Topology,
  applicationId: string,
): (topic: string) => OffsetReset {
  const sources = subTopologies.flatMap((each) => each.sources)
  return (topic) => {
    for (const { topics, reset } of sources) {
      if (topics instanceof RegExp) {
        if (topic.search(topics) >= 0) return reset
      } else {
        const found = topics.find((each) => topicName(each, applicationId) === topic)
        if (found !== undefined) return found.internal ? 'earliest' : reset
      }
    }
    return 'earliest'
  }
}
