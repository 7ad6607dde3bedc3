export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** `topic-partition`, as Kafka writes it; unique because a partition is digits only. */
export const topicPartitionKey = (topic: string, partition: number): string =>
  `${topic}-${partition}`

export const parseTopicPartition = (key: string): TopicPartition => {
  const dash = key.lastIndexOf('-')
  return { topic: key.slice(0, dash), partition: Number(key.slice(dash + 1)) }
}
