/**
 * What group members tell each other through the coordinator, in the format of Kafka's own
 * consumers (ConsumerProtocolSubscription, ConsumerProtocolAssignment), so that Kafka's tools can
 * read our groups.
 */
import type { TopicPartition } from '../../core/topic-partition.ts'
import { KafkaError } from '../port.ts'
import { byTopic } from './protocol-by-topic.ts'
import { ProtocolReader } from './protocol-reader.ts'
import { ProtocolWriter } from './protocol-writer.ts'

/** Version 1 carries what a member owns, as cooperative rebalancing needs (KIP-429). */
const VERSION = 1

export interface Subscription {
  readonly topics: readonly string[]
  readonly userData: Uint8Array | null
  readonly owned: readonly TopicPartition[]
}

export interface Assignment {
  readonly partitions: readonly TopicPartition[]
  readonly userData: Uint8Array | null
}

export function encodeSubscription({ topics, userData, owned }: Subscription): Uint8Array {
  const writer = new ProtocolWriter(false)
  writer
    .int16(VERSION)
    .array(topics, (topic) => writer.string(topic))
    .bytes(userData)
  writePartitions(writer, owned)
  return writer.finish()
}

/**
 * Reads every version; what was added after version 1 is ignored. Throws a fatal `KafkaError` for
 * anything else.
 */
export const decodeSubscription = (bytes: Uint8Array): Subscription =>
  reading('the subscription of a group member', () => {
    const reader = new ProtocolReader(bytes, false)
    const version = reader.int16()
    const topics = reader.array(() => reader.string())
    const userData = reader.nullableBytes()
    return { topics, userData, owned: version >= 1 ? readPartitions(reader) : [] }
  })

export function encodeAssignment({ partitions, userData }: Assignment): Uint8Array {
  const writer = new ProtocolWriter(false)
  writer.int16(VERSION)
  writePartitions(writer, partitions)
  return writer.bytes(userData).finish()
}

/** No bytes at all are an empty assignment: the leader had nothing for this member. */
export const decodeAssignment = (bytes: Uint8Array): Assignment =>
  reading('the assignment of a group member', () => {
    if (bytes.length === 0) return { partitions: [], userData: null }
    const reader = new ProtocolReader(bytes, false)
    reader.int16()
    return { partitions: readPartitions(reader), userData: reader.nullableBytes() }
  })

function writePartitions(writer: ProtocolWriter, partitions: readonly TopicPartition[]): void {
  writer.array(byTopic(partitions), ([topic, ofTopic]) =>
    writer.string(topic).array(ofTopic, ({ partition }) => writer.int32(partition)),
  )
}

const readPartitions = (reader: ProtocolReader): TopicPartition[] =>
  reader
    .array(() => {
      const topic = reader.string()
      return reader.array(() => ({ topic, partition: reader.int32() }))
    })
    .flat()

function reading<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL', 'fatal', `${what} cannot be read`, {
      cause,
    })
  }
}
