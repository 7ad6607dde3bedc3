import type { FetchedPartition, FetchOptions, FetchRequest } from '../../port.ts'
import { kafkaErrorFrom, NO_ERROR, throwIfFailed } from '../../wire/error-codes.ts'
import { byTopic } from '../../wire/protocol-by-topic.ts'
import type { ProtocolReader } from '../../wire/protocol-reader.ts'
import { apis, type ProtocolRequest } from '../../wire/protocol-request.ts'

const CONSUMER = -1
const NO_LEADER_EPOCH = -1
const NO_LOG_START = -1
/** Without a fetch session (KIP-227) every request names all its partitions. */
const NO_SESSION = 0
const NO_SESSION_EPOCH = -1
const NO_RACK = ''
const BYTES_A_PARTITION = 28

export function fetchRequest(
  partitions: readonly FetchRequest[],
  { isolation, maxWaitMs, minBytes, maxBytes }: FetchOptions,
): ProtocolRequest<readonly FetchedPartition[]> {
  return {
    api: apis.fetch,
    versions: [11, 11],
    heldMs: maxWaitMs,
    sizeBytes: partitions.length * BYTES_A_PARTITION,
    encode: (writer) =>
      void writer
        .int32(CONSUMER)
        .int32(maxWaitMs)
        .int32(minBytes)
        .int32(maxBytes)
        .int8(isolation === 'read_committed' ? 1 : 0)
        .int32(NO_SESSION)
        .int32(NO_SESSION_EPOCH)
        .array(byTopic(partitions), ([topic, ofTopic]) =>
          writer
            .string(topic)
            .array(ofTopic, (each) =>
              writer
                .int32(each.partition)
                .int32(NO_LEADER_EPOCH)
                .int64(each.offset)
                .int64(NO_LOG_START)
                .int32(each.maxBytes),
            ),
        )
        .array([], () => {})
        .string(NO_RACK),
    decode: (reader) => {
      reader.throttle()
      throwIfFailed(reader.int16(), 'fetching')
      reader.int32()
      return reader.array(() => readTopic(reader)).flat()
    },
  }
}

function readTopic(reader: ProtocolReader): FetchedPartition[] {
  const topic = reader.string()
  return reader.array(() => {
    const partition = reader.int32()
    const code = reader.int16()
    const highWatermark = reader.int64()
    const lastStableOffset = reader.int64()
    const logStartOffset = reader.int64()
    const aborted = reader.array(() => ({
      producerId: reader.int64(),
      firstOffset: reader.int64(),
    }))
    // A replica that is nearer (KIP-392): none, for we name no rack.
    reader.int32()
    const batches = reader.bytes()
    return {
      topic,
      partition,
      error: code === NO_ERROR ? null : kafkaErrorFrom(code, `fetching ${topic}-${partition}`),
      highWatermark,
      lastStableOffset,
      logStartOffset,
      aborted,
      batches,
    }
  })
}
