import type { Offset } from '../../../core/record.ts'
import type { TopicPartition } from '../../../core/topic-partition.ts'
import type { TopicSpec } from '../../port.ts'
import { kafkaErrorFrom, NO_ERROR, throwIfFailed } from '../../wire/error-codes.ts'
import { byTopic } from '../../wire/protocol-by-topic.ts'
import { apis, type ProtocolRequest } from '../../wire/protocol-request.ts'

const TOPIC_ALREADY_EXISTS = 36
const TOPIC_RESOURCE = 2

/** Of several failures, `TOPIC_ALREADY_EXISTS` is thrown last: that one callers may forgive. */
export const createTopicsRequest = (
  topics: readonly TopicSpec[],
  timeoutMs: number,
): ProtocolRequest<void> => ({
  api: apis.createTopics,
  versions: [4, 4],
  heldMs: timeoutMs,
  encode: (writer) =>
    void writer
      .array(topics, ({ name, partitions, replicationFactor, configs }) =>
        writer
          .string(name)
          .int32(partitions)
          .int16(replicationFactor)
          .array([], () => {})
          .array(Object.entries(configs), ([key, value]) => writer.string(key).string(value)),
      )
      .int32(timeoutMs)
      .boolean(false),
  decode: (reader) => {
    reader.throttle()
    const failures = reader
      .array(() => ({
        topic: reader.string(),
        code: reader.int16(),
        message: reader.nullableString(),
      }))
      .filter(({ code }) => code !== NO_ERROR)
    const failed = failures.find(({ code }) => code !== TOPIC_ALREADY_EXISTS) ?? failures[0]
    if (failed === undefined) return
    throw kafkaErrorFrom(failed.code, `creating topic "${failed.topic}"`, failed.message)
  },
})

export const deleteTopicsRequest = (
  topics: readonly string[],
  timeoutMs: number,
): ProtocolRequest<void> => ({
  api: apis.deleteTopics,
  versions: [3, 3],
  heldMs: timeoutMs,
  encode: (writer) => void writer.array(topics, (topic) => writer.string(topic)).int32(timeoutMs),
  decode: (reader) => {
    reader.throttle()
    reader.array(() => {
      const topic = reader.string()
      throwIfFailed(reader.int16(), `deleting topic "${topic}"`)
    })
  },
})

/** By id since version 6 (KIP-516). */
export const deleteTopicsByIdRequest = (
  ids: readonly string[],
  timeoutMs: number,
): ProtocolRequest<void> => ({
  api: apis.deleteTopics,
  versions: [6, 6],
  heldMs: timeoutMs,
  encode: (writer) =>
    void writer
      .array(ids, (id) => writer.string(null).uuid(id).tags())
      .int32(timeoutMs)
      .tags(),
  decode: (reader) => {
    reader.throttle()
    reader.array(() => {
      const topic = reader.nullableString()
      const id = reader.uuid()
      const code = reader.int16()
      throwIfFailed(code, `deleting topic "${topic ?? id}"`, reader.nullableString())
      reader.tags()
    })
  },
})

export const deleteRecordsRequest = (
  partitions: readonly (TopicPartition & { readonly before: Offset })[],
  timeoutMs: number,
): ProtocolRequest<void> => ({
  api: apis.deleteRecords,
  versions: [1, 1],
  heldMs: timeoutMs,
  encode: (writer) =>
    void writer
      .array(byTopic(partitions), ([topic, ofTopic]) =>
        writer
          .string(topic)
          .array(ofTopic, ({ partition, before }) => writer.int32(partition).int64(before)),
      )
      .int32(timeoutMs),
  decode: (reader) => {
    reader.throttle()
    reader.array(() => {
      const topic = reader.string()
      reader.array(() => {
        const partition = reader.int32()
        reader.int64()
        throwIfFailed(reader.int16(), `deleting records of ${topic}-${partition}`)
      })
    })
  },
})

/** Every setting of each topic, defaults included, but the secret ones, which brokers hide. */
export const describeConfigsRequest = (
  topics: readonly string[],
): ProtocolRequest<ReadonlyMap<string, Readonly<Record<string, string>>>> => ({
  api: apis.describeConfigs,
  versions: [2, 2],
  encode: (writer) =>
    void writer
      .array(topics, (topic) =>
        writer
          .int8(TOPIC_RESOURCE)
          .string(topic)
          .array<string>(null, () => {}),
      )
      .boolean(false),
  decode: (reader) => {
    reader.throttle()
    const described = reader.array(() => {
      const code = reader.int16()
      const message = reader.nullableString()
      reader.int8()
      const topic = reader.string()
      throwIfFailed(code, `describing topic "${topic}"`, message)
      const configs: Record<string, string> = {}
      reader.array(() => {
        const name = reader.string()
        const value = reader.nullableString()
        if (value !== null) configs[name] = value
        reader.boolean()
        reader.int8()
        reader.boolean()
        reader.array(() => {
          reader.string()
          reader.nullableString()
          reader.int8()
        })
      })
      return [topic, configs] as const
    })
    return new Map(described)
  },
})
