import type { TopicRef } from './graph.ts'

/** What a person calls the topic: an internal one has no application id yet. */
export const topicLabel = (topic: TopicRef): string =>
  topic.internal ? `${topic.name}-repartition` : topic.name
