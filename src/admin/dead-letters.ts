import type { Clock } from '../core/clock.ts'
import { deadLetterOf, type DeadLetter } from '../core/dead-letter.ts'
import type { Offset, RawRecord } from '../core/record.ts'
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
  /** Only letters whose record has a header of this name and, where given, of this text. */
  readonly header?: { readonly name: string; readonly value?: string }
  /** Only letters of which it says true; what it throws ends the work. */
  readonly where?: (letter: StoredDeadLetter) => boolean | Promise<boolean>
}

export const storedDeadLetter = (record: RawRecord): StoredDeadLetter => ({
  ...deadLetterOf(record),
  at: { partition: record.partition, offset: record.offset },
})

export async function letsThrough(
  filter: DeadLetterFilter,
  letter: StoredDeadLetter,
): Promise<boolean> {
  const { topic, error, node, header, where } = filter
  if (topic !== undefined && letter.topic !== topic) return false
  if (node !== undefined && letter.node !== node) return false
  if (error !== undefined && letter.code !== error && letter.exception !== error) return false
  if (header !== undefined && !hasHeader(letter, header.name, header.value)) return false
  return where === undefined || (await where(letter))
}

const hasHeader = ({ headers }: DeadLetter, name: string, text: string | undefined): boolean =>
  headers.some(
    ([each, value]) =>
      each === name &&
      (text === undefined || (value !== null && Buffer.from(value).toString() === text)),
  )

/** All letters in a dead-letter topic that the filter lets through; also of Kafka Streams 4.2. */
export async function* readDeadLetters(
  port: KafkaPort,
  clock: Clock,
  deadLetterTopic: string,
  filter: DeadLetterFilter = {},
): AsyncGenerator<StoredDeadLetter> {
  for await (const record of readTopic(port, clock, deadLetterTopic)) {
    const letter = storedDeadLetter(record)
    if (await letsThrough(filter, letter)) yield letter
  }
}

/** When it failed; letters of Kafka Streams only have the time of their record. */
export const failureTimeMs = ({ failedAtMs, timestampMs }: DeadLetter): number =>
  failedAtMs > 0 ? failedAtMs : timestampMs

export interface DeadLetterGroup {
  /** Where the records came from. */
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
  for await (const letter of letters) {
    const { topic, node, code, exception, message } = letter
    const failedAtMs = failureTimeMs(letter)
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
