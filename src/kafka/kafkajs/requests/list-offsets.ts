import type { Offset } from '../../../core/record.ts'
import { topicPartitionKey, type TopicPartition } from '../../../core/topic-partition.ts'
import type { Isolation } from '../../port.ts'
import { throwIfFailed } from '../../wire/error-codes.ts'
import { byTopic } from '../../wire/protocol-by-topic.ts'
import { apis, type ProtocolRequest } from '../../wire/protocol-request.ts'

const CONSUMER = -1
const NO_LEADER_EPOCH = -1
const LATEST = -1
const EARLIEST = -2

/** Offsets by `topicPartitionKey`; null where no record is as late as the time asked for. */
export function listOffsetsRequest(
  partitions: readonly TopicPartition[],
  at: 'earliest' | 'latest' | number,
  isolation: Isolation,
): ProtocolRequest<ReadonlyMap<string, Offset | null>> {
  const timestamp = at === 'earliest' ? EARLIEST : at === 'latest' ? LATEST : at
  return {
    api: apis.listOffsets,
    versions: [5, 5],
    encode: (writer) =>
      void writer
        .int32(CONSUMER)
        .int8(isolation === 'read_committed' ? 1 : 0)
        .array(byTopic(partitions), ([topic, ofTopic]) =>
          writer
            .string(topic)
            .array(ofTopic, ({ partition }) =>
              writer.int32(partition).int32(NO_LEADER_EPOCH).int64(timestamp),
            ),
        ),
    decode: (reader) => {
      reader.throttle()
      const offsets = new Map<string, Offset | null>()
      reader.array(() => {
        const topic = reader.string()
        reader.array(() => {
          const key = topicPartitionKey(topic, reader.int32())
          throwIfFailed(reader.int16(), `asking for an offset of ${key}`)
          reader.int64()
          const offset = reader.int64()
          reader.int32()
          offsets.set(key, offset === -1 ? null : offset)
        })
      })
      return offsets
    },
  }
}
