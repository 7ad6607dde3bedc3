import type { Clock } from '../../core/clock.ts'
import { StreamsError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { ensureTopics, type TopicDifference } from '../../kafka/client/topics.ts'
import type { KafkaPort, TopicSpec } from '../../kafka/port.ts'
import type { PartitionPlan } from './partition-plan.ts'

/** As Kafka Streams: what is read is purged soon after, and only closed segments can be. */
const REPARTITION_SEGMENT_BYTES = 50 * 1024 * 1024

const repartitionConfigs = {
  'cleanup.policy': 'delete',
  // Unread records are not the broker's to delete.
  'retention.ms': '-1',
  'segment.bytes': String(REPARTITION_SEGMENT_BYTES),
  'message.timestamp.type': 'CreateTime',
}

type Settings = Extract<TopicDifference, { what: 'config' }>

/**
 * Creates the changelog and repartition topics that are missing, and returns their names; several
 * leaders may do so at once.
 * What exists is never altered. Throws `TOPIC_MISMATCHED` where using it would lose records: other
 * partition counts, a changelog without compaction or with deletion, a compacted repartition topic.
 */
export async function ensureInternalTopics(
  port: KafkaPort,
  clock: Clock,
  logger: Logger,
  plan: PartitionPlan,
  { replicationFactor }: { readonly replicationFactor: number },
): Promise<readonly string[]> {
  const specs: TopicSpec[] = [
    ...plan.changelogs.map(({ topic, partitions, configs }) => ({
      name: topic,
      partitions,
      replicationFactor,
      configs,
    })),
    ...plan.repartitions.map(({ topic, partitions }) => ({
      name: topic,
      partitions,
      replicationFactor,
      configs: repartitionConfigs,
    })),
  ]
  const { created, differences } = await ensureTopics(port, clock, specs)
  if (created.length > 0) logger.info({ topics: created }, 'internal topics created')
  refuseOtherCounts(differences.filter((each) => each.what === 'partitions'))
  const settings = differences.filter((each) => each.what === 'config')
  refuseLosses(settings.filter(losesRecords))
  if (settings.length > 0) {
    logger.warn({ differences: settings }, 'internal topics are configured differently')
  }
  return created
}

/**
 * A key would be looked for in another partition than the one that has its state or its records.
 */
function refuseOtherCounts(differences: readonly TopicDifference[]): void {
  if (differences.length === 0) return
  const facts = differences.map(
    ({ topic, actual, wanted }) => `"${topic}" has ${actual} partitions instead of ${wanted}`,
  )
  throw new StreamsError('TOPIC_MISMATCHED', {
    message: `internal topic ${facts.join(', ')}`,
    hint: 'Partitions of a source topic were probably added. Move to a source topic with the old count, use a new application id, or start over: stop every instance, delete these topics, the group and the state directories.',
  })
}

function refuseLosses(differences: readonly Settings[]): void {
  const [first] = differences
  if (first === undefined) return
  const facts = differences.map(
    ({ topic, actual, wanted }) =>
      `"${topic}" has cleanup.policy=${actual ?? ''} instead of ${wanted}`,
  )
  throw new StreamsError('TOPIC_MISMATCHED', {
    message: `internal topic ${facts.join(', ')}`,
    hint: `Records would be lost. Correct it: kafka-configs.sh --bootstrap-server <broker> --alter --topic ${first.topic} --add-config cleanup.policy=[${first.wanted}]`,
  })
}

/** Both ways round: a changelog needs compaction, a repartition topic must not have it. */
function losesRecords({ name, wanted, actual }: Settings): boolean {
  if (name !== 'cleanup.policy' || actual === undefined) return false
  const deletes = actual.includes('delete') && !wanted.includes('delete')
  return deletes || actual.includes('compact') !== wanted.includes('compact')
}
