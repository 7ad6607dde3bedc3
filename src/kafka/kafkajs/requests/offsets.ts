import type { TopicPartition } from '../../../core/topic-partition.ts'
import type { CommittedOffset, FetchedOffset, GroupMember } from '../../port.ts'
import { throwIfFailed } from '../../wire/error-codes.ts'
import { byTopic } from '../../wire/protocol-by-topic.ts'
import { apis, type ProtocolRequest } from '../../wire/protocol-request.ts'

const NO_LEADER_EPOCH = -1

export const offsetCommitRequest = (
  { groupId, generation, memberId, instanceId }: GroupMember,
  offsets: readonly CommittedOffset[],
): ProtocolRequest<void> => ({
  api: apis.offsetCommit,
  versions: [7, 7],
  encode: (writer) =>
    void writer
      .string(groupId)
      .int32(generation)
      .string(memberId)
      .string(instanceId)
      .array(byTopic(offsets), ([topic, ofTopic]) =>
        writer
          .string(topic)
          .array(ofTopic, ({ partition, offset, metadata }) =>
            writer.int32(partition).int64(offset).int32(NO_LEADER_EPOCH).string(metadata),
          ),
      ),
  decode: (reader) => {
    reader.throttle()
    reader.array(() => {
      const topic = reader.string()
      reader.array(() => {
        const partition = reader.int32()
        throwIfFailed(reader.int16(), `committing ${topic}-${partition} for group "${groupId}"`)
      })
    })
  },
})

/** `requireStable` since version 7 (KIP-447). */
export const offsetFetchRequest = (
  groupId: string,
  partitions: readonly TopicPartition[],
  requireStable: boolean,
): ProtocolRequest<readonly FetchedOffset[]> => ({
  api: apis.offsetFetch,
  versions: [7, 7],
  encode: (writer) =>
    void writer
      .string(groupId)
      .array(byTopic(partitions), ([topic, ofTopic]) =>
        writer
          .string(topic)
          .array(ofTopic, ({ partition }) => writer.int32(partition))
          .tags(),
      )
      .boolean(requireStable)
      .tags(),
  decode: (reader) => {
    const what = `asking for what group "${groupId}" has committed`
    reader.throttle()
    const fetched = reader.array(() => {
      const topic = reader.string()
      const offsets = reader.array(() => {
        const partition = reader.int32()
        const offset = reader.int64()
        reader.int32()
        const metadata = reader.string()
        throwIfFailed(reader.int16(), `${what} of ${topic}-${partition}`)
        reader.tags()
        return { topic, partition, offset: offset === -1 ? null : offset, metadata }
      })
      reader.tags()
      return offsets
    })
    throwIfFailed(reader.int16(), what)
    return fetched.flat()
  },
})
