import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { taskId, type TaskId } from '../../core/task-id.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import { answeredWithin } from '../../kafka/client/answered-within.ts'
import { listOffsetsRetrying } from '../../kafka/client/offsets.ts'
import { KafkaError, type KafkaPort } from '../../kafka/port.ts'
import type { ChangelogExtent, ChangelogExtents } from './copies.ts'
import type { PartitionPlan } from './partition-plan.ts'

/** The group waits for its leader: better to decide without than to let it wait for long. */
const LOOK_UP_MS = 3_000

/**
 * Where the changelogs of each task begin and end now. Those of topics that were only just created
 * are empty, and not asked for; empty where the cluster cannot say.
 */
export async function taskExtents(
  deps: { readonly port: KafkaPort; readonly clock: Clock; readonly logger: Logger },
  plan: PartitionPlan,
  created: readonly string[],
): Promise<ChangelogExtents> {
  const { port, clock, logger } = deps
  const asked: TopicPartition[] = plan.changelogs
    .filter(({ topic }) => !created.includes(topic))
    .flatMap(({ topic, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
    )
  const at = (where: 'earliest' | 'latest') =>
    listOffsetsRetrying(port, clock, asked, where, 'read_uncommitted', { timeoutMs: LOOK_UP_MS })
  try {
    // A frozen broker answers nothing at all.
    const answers = Promise.all([at('earliest'), at('latest')])
    const [from, to] = await answeredWithin(clock, LOOK_UP_MS, answers)
    const offsetIn = (offsets: typeof from, { topic, partition }: TopicPartition): number =>
      offsets.get(topicPartitionKey(topic, partition)) ?? 0
    const extents = new Map<TaskId, ChangelogExtent>()
    for (const { topic, partitions, subTopology } of plan.changelogs) {
      for (let partition = 0; partition < partitions; partition += 1) {
        const id = taskId(subTopology, partition)
        const sum = extents.get(id) ?? { from: 0, to: 0 }
        const source = { topic, partition }
        extents.set(id, {
          from: sum.from + offsetIn(from, source),
          to: sum.to + offsetIn(to, source),
        })
      }
    }
    return extents
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    logger.warn({ err: error }, 'changelogs cannot be asked for: tasks move without a warm-up')
    return new Map()
  }
}
