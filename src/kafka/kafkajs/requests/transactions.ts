import type { TopicPartition } from '../../../core/topic-partition.ts'
import type { CommittedOffset, GroupMember, ProducerIdentity } from '../../port.ts'
import { throwIfFailed } from '../../wire/error-codes.ts'
import { byTopic } from '../../wire/protocol-by-topic.ts'
import type { ProtocolReader } from '../../wire/protocol-reader.ts'
import { apis, type ProtocolRequest } from '../../wire/protocol-request.ts'
import type { ProtocolWriter } from '../../wire/protocol-writer.ts'

const NO_PRODUCER_ID = -1
const NO_EPOCH = -1
const NO_LEADER_EPOCH = -1
const OPERATION_NOT_ATTEMPTED = 55

export const initProducerIdRequest = (
  transactionalId: string | null,
  transactionTimeoutMs: number,
): ProtocolRequest<ProducerIdentity> => ({
  api: apis.initProducerId,
  versions: [3, 5],
  encode: (writer) =>
    void writer
      .string(transactionalId)
      .int32(transactionTimeoutMs)
      .int64(NO_PRODUCER_ID)
      .int16(NO_EPOCH)
      .tags(),
  decode: (reader) => {
    reader.throttle()
    throwIfFailed(
      reader.int16(),
      transactionalId === null
        ? 'asking for a producer id'
        : `initialising transactional id "${transactionalId}"`,
    )
    return readIdentity(reader)
  },
})

/** Never version 4 or above: those are for brokers, and need the permission of one. */
export const addPartitionsToTxnRequest = (
  transactionalId: string,
  producer: ProducerIdentity,
  partitions: readonly TopicPartition[],
): ProtocolRequest<void> => ({
  api: apis.addPartitionsToTxn,
  versions: [1, 3],
  encode: (writer) => {
    writeProducer(writer, transactionalId, producer)
    writer
      .array(byTopic(partitions), ([topic, ofTopic]) =>
        writer
          .string(topic)
          .array(ofTopic, ({ partition }) => writer.int32(partition))
          .tags(),
      )
      .tags()
  },
  decode: (reader) => {
    reader.throttle()
    const failures = readPartitionErrors(reader)
    // One bad partition keeps the others from being tried: the bad one is the news.
    const failed = failures.find(({ code }) => code !== OPERATION_NOT_ATTEMPTED) ?? failures[0]
    if (failed !== undefined) {
      throwIfFailed(failed.code, `adding ${failed.name} to transaction "${transactionalId}"`)
    }
  },
})

export const addOffsetsToTxnRequest = (
  transactionalId: string,
  producer: ProducerIdentity,
  groupId: string,
): ProtocolRequest<void> => ({
  api: apis.addOffsetsToTxn,
  versions: [1, 4],
  encode: (writer) => {
    writeProducer(writer, transactionalId, producer)
    writer.string(groupId).tags()
  },
  decode: (reader) => {
    reader.throttle()
    throwIfFailed(
      reader.int16(),
      `adding the offsets of group "${groupId}" to transaction "${transactionalId}"`,
    )
  },
})

export const txnOffsetCommitRequest = (
  transactionalId: string,
  { producerId, epoch }: ProducerIdentity,
  member: GroupMember,
  offsets: readonly CommittedOffset[],
  transactionVersion: 1 | 2,
): ProtocolRequest<void> => ({
  api: apis.txnOffsetCommit,
  versions: transactionVersion === 2 ? [5, 5] : [3, 4],
  encode: (writer) =>
    void writer
      .string(transactionalId)
      .string(member.groupId)
      .int64(producerId)
      .int16(epoch)
      .int32(member.generation)
      .string(member.memberId)
      .string(member.instanceId)
      .array(byTopic(offsets), ([topic, ofTopic]) =>
        writer
          .string(topic)
          .array(ofTopic, ({ partition, offset, metadata }) =>
            writer.int32(partition).int64(offset).int32(NO_LEADER_EPOCH).string(metadata).tags(),
          )
          .tags(),
      )
      .tags(),
  decode: (reader) => {
    reader.throttle()
    const failed = readPartitionErrors(reader)[0]
    if (failed === undefined) return
    const { groupId } = member
    throwIfFailed(failed.code, `committing ${failed.name} for group "${groupId}" in a transaction`)
  },
})

/** Resolves to the identity of the next transaction. */
export const endTxnRequest = (
  transactionalId: string,
  producer: ProducerIdentity,
  outcome: 'commit' | 'abort',
  transactionVersion: 1 | 2,
): ProtocolRequest<ProducerIdentity> => ({
  api: apis.endTxn,
  versions: transactionVersion === 2 ? [5, 5] : [1, 4],
  encode: (writer) => {
    writeProducer(writer, transactionalId, producer)
    writer.boolean(outcome === 'commit').tags()
  },
  decode: (reader) => {
    reader.throttle()
    throwIfFailed(reader.int16(), `ending (${outcome}) transaction "${transactionalId}"`)
    return transactionVersion === 2 ? readIdentity(reader) : producer
  },
})

function writeProducer(
  writer: ProtocolWriter,
  transactionalId: string,
  { producerId, epoch }: ProducerIdentity,
): void {
  writer.string(transactionalId).int64(producerId).int16(epoch)
}

const readIdentity = (reader: ProtocolReader): ProducerIdentity => ({
  producerId: reader.int64(),
  epoch: reader.int16(),
})

function readPartitionErrors(
  reader: ProtocolReader,
): { readonly name: string; readonly code: number }[] {
  const failures: { name: string; code: number }[] = []
  reader.array(() => {
    const topic = reader.string()
    reader.array(() => {
      const partition = reader.int32()
      const code = reader.int16()
      if (code !== 0) failures.push({ name: `${topic}-${partition}`, code })
      reader.tags()
    })
    reader.tags()
  })
  return failures
}
