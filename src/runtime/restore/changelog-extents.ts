import type { Clock } from '../../core/clock.ts'
import { StreamsError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { Offset } from '../../core/record.ts'
import type { TaskId } from '../../core/task-id.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import { listOffsetsRetrying } from '../../kafka/client/offsets.ts'
import { fetchTopicIds } from '../../kafka/client/topics.ts'
import type { KafkaPort } from '../../kafka/port.ts'
import { parseCommitMetadata } from '../task/commit-metadata.ts'
import { isReplaced } from '../task/identities.ts'
import type { Restoration, TaskStores } from '../task/task-stores.ts'

/** How long a broker may take to say where a changelog begins and ends. */
const LOOKUP = { timeoutMs: 60_000 }

/** Where a changelog begins and ends, and which one it is. */
export interface Extent {
  readonly start: Offset
  /** Its high watermark. */
  readonly end: Offset
  readonly topicId: string
}

/** By `topicPartitionKey`. */
export type Extents = ReadonlyMap<string, Extent>

/** A task's stores, and whose they are. */
export interface StoresOfTask {
  readonly id: TaskId
  readonly stores: TaskStores
}

/**
 * The ids first: when a topic is replaced meanwhile, its offsets are those of the new one under the
 * old id, which will be found out, and not the other way round.
 */
export async function changelogExtents(
  port: KafkaPort,
  clock: Clock,
  changelogs: readonly TopicPartition[],
): Promise<Extents> {
  const names = [...new Set(changelogs.map(({ topic }) => topic))]
  const ids = await fetchTopicIds(port, clock, names, LOOKUP)
  const [starts, ends] = await Promise.all([
    listOffsetsRetrying(port, clock, changelogs, 'earliest', 'read_uncommitted', LOOKUP),
    listOffsetsRetrying(port, clock, changelogs, 'latest', 'read_uncommitted', LOOKUP),
  ])
  return new Map(
    changelogs.map(({ topic, partition }) => {
      const key = topicPartitionKey(topic, partition)
      const topicId = ids.get(topic) ?? ''
      return [key, { start: starts.get(key) ?? 0, end: ends.get(key) ?? 0, topicId }]
    }),
  )
}

function topicIdsOf(stores: TaskStores, extents: Extents): ReadonlyMap<string, string> {
  return new Map(
    stores.restorations().map(({ topic, partition }) => {
      const extent = extents.get(topicPartitionKey(topic, partition))
      return [topic, extent?.topicId ?? '']
    }),
  )
}

/**
 * Throws `CHANGELOG_LOST` where the committed offsets go with other changelogs than there are now:
 * what was in them may be in the local store, and is not in Kafka. A replay leaves no trace of them
 * behind, for it builds the state anew.
 */
export function refuseLostLogs(
  { id, stores }: StoresOfTask,
  generation: string,
  committed: readonly (string | null)[],
  extents: Extents,
): void {
  const now = stores.logsAmong(topicIdsOf(stores, extents))
  const before = committed
    .map((text) => parseCommitMetadata(text ?? ''))
    .filter((each) => each.generation === generation)
  if (before.some(({ logs }) => logs === now)) return
  if (!before.some(({ logs }) => isReplaced(logs, now))) return
  const topics = stores.restorations().map(({ topic }) => `"${topic}"`)
  throw new StreamsError('CHANGELOG_LOST', {
    message: `a changelog of task ${id} was deleted: the committed offsets go with another topic than there is now under the name of ${topics.join(' or ')}`,
    hint: 'What it held is not in Kafka any more. Stop every instance and build the state again from the sources (`millrace replay`), or go on without it: `kafka-consumer-groups.sh --reset-offsets --to-current --all-topics --execute`.',
  })
}

/** What a task's local stores may hold: see `TaskStores.trust`. */
export function trustLocalStores(
  { id, stores }: StoresOfTask,
  generation: string,
  extents: Extents,
  logger: Logger,
): void {
  for (const store of stores.trust(generation, topicIdsOf(stores, extents))) {
    logger.warn(
      { task: id, store },
      'the local store is of before a replay, or its changelog is another one: it is rebuilt',
    )
  }
}

/** From where a changelog has to be read; a store that it does not reach back to is wiped. */
export function replayFrom(
  { id, stores }: StoresOfTask,
  { store, position }: Restoration,
  { start, end }: Pick<Extent, 'start' | 'end'>,
  logger: Logger,
): Offset {
  if (position === undefined) return start
  if (position >= start && position <= end) return position
  logger.warn(
    { task: id, store, position, start, end },
    'the changelog does not reach back to the local store, which is rebuilt from it',
  )
  stores.wipe(store)
  return start
}
