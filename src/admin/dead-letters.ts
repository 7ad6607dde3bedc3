import type { Clock } from '../core/clock.ts'
import { deadLetterOf, type DeadLetter } from '../core/dead-letter.ts'
import type { Offset } from '../core/record.ts'
import type { KafkaPort } from '../kafka/port.ts'
import { readTopic } from './read-topic.ts'

/** A dead letter with its own place in the dead-letter topic. */
export interface StoredDeadLetter extends DeadLetter {
  readonly at: { readonly partition: number; readonly offset: Offset }
}

export interface DeadLetterFilter {
  /** Only letters whose record came from this topic. */
  readonly topic?: string
  /** Only letters with this error code or exception name. */
  readonly error?: string
  readonly node?: string
}

/** All letters in a dead-letter topic that the filter lets through; also of Kafka Streams 4.2. */
export async function* readDeadLetters(
  port: KafkaPort,
  clock: Clock,
  deadLetterTopic: string,
  filter: DeadLetterFilter = {},
): AsyncGenerator<StoredDeadLetter> {
  for await (const record of readTopic(port, clock, deadLetterTopic)) {
    const letter = deadLetterOf(record)
    if (filter.topic !== undefined && letter.topic !== filter.topic) continue
    if (filter.node !== undefined && letter.node !== filter.node) continue
    const { error } = filter
    if (error !== undefined && letter.code !== error && letter.exception !== error) continue
    yield { ...letter, at: { partition: record.partition, offset: record.offset } }
  }
}

export interface DeadLetterGroup {
  readonly topic: string
  readonly node: string
  readonly code: string
  readonly exception: string
  readonly count: number
  readonly firstFailedAtMs: number
  readonly lastFailedAtMs: number
  /** The message of the latest one. */
  readonly lastMessage: string
}

/** Counts letters by where they came from and what went wrong, the most frequent first. */
export async function groupDeadLetters(
  letters: AsyncIterable<StoredDeadLetter>,
): Promise<readonly DeadLetterGroup[]> {
  const groups = new Map<string, DeadLetterGroup>()
  for await (const { topic, node, code, exception, failedAtMs, message } of letters) {
    const key = JSON.stringify([topic, node, code, exception])
    const group = groups.get(key)
    const isLatest = group === undefined || failedAtMs >= group.lastFailedAtMs
    groups.set(key, {
      topic,
      node,
      code,
      exception,
      count: (group?.count ?? 0) + 1,
      firstFailedAtMs: Math.min(failedAtMs, group?.firstFailedAtMs ?? failedAtMs),
      lastFailedAtMs: Math.max(failedAtMs, group?.lastFailedAtMs ?? failedAtMs),
      lastMessage: isLatest ? message : group.lastMessage,
    })
  }
  return [...groups.values()].sort((a, b) => b.count - a.count)
}
