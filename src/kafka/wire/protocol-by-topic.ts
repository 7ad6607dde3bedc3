import type { TopicPartition } from '../../core/topic-partition.ts'

/** As requests name partitions: every topic once, in the order of first mention. */
export function byTopic<T extends TopicPartition>(
  partitions: readonly T[],
): (readonly [topic: string, partitions: readonly T[]])[] {
  const topics = new Map<string, T[]>()
  for (const each of partitions) {
    const ofTopic = topics.get(each.topic)
    if (ofTopic === undefined) topics.set(each.topic, [each])
    else ofTopic.push(each)
  }
  return [...topics]
}
