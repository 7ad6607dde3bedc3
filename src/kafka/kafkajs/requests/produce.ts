import type { ProducedPartition, ProduceOptions, ProducePartition } from '../../port.ts'
import { kafkaErrorFrom, NO_ERROR } from '../../wire/error-codes.ts'
import { byTopic } from '../../wire/protocol-by-topic.ts'
import type { ProtocolReader } from '../../wire/protocol-reader.ts'
import { apis, type ProtocolRequest } from '../../wire/protocol-request.ts'

/** The first version whose Produce adds its partitions to the transaction (KIP-890). */
const ADDS_PARTITIONS = 12
const DUPLICATE_SEQUENCE_NUMBER = 46

export function produceRequest(
  partitions: readonly ProducePartition[],
  { transactionalId, acks, timeoutMs }: ProduceOptions,
  transactionVersion: 1 | 2,
): ProtocolRequest<readonly ProducedPartition[]> {
  return {
    api: apis.produce,
    versions:
      transactionVersion === 2 ? [ADDS_PARTITIONS, ADDS_PARTITIONS] : [8, ADDS_PARTITIONS - 1],
    heldMs: timeoutMs,
    sizeBytes: partitions.reduce(
      (sum, { topic, batch }) => sum + topic.length + batch.length + 32,
      0,
    ),
    encode: (writer) =>
      void writer
        .string(transactionalId)
        .int16(acks)
        .int32(timeoutMs)
        .array(byTopic(partitions), ([topic, ofTopic]) =>
          writer
            .string(topic)
            .array(ofTopic, ({ partition, batch }) => writer.int32(partition).bytes(batch).tags())
            .tags(),
        )
        .tags(),
    decode: (reader) => {
      const produced = reader.array(() => readTopic(reader)).flat()
      reader.throttle()
      return produced
    },
  }
}

function readTopic(reader: ProtocolReader): ProducedPartition[] {
  const topic = reader.string()
  const produced = reader.array(() => {
    const partition = reader.int32()
    const code = reader.int16()
    const baseOffset = reader.int64()
    reader.int64()
    reader.int64()
    const ofRecords = reader.array(() => {
      reader.int32()
      const reason = reader.nullableString()
      reader.tags()
      return reason
    })
    const ofBatch = reader.nullableString()
    reader.tags()
    // A batch that the broker has already: it was written, the offset is forgotten.
    if (code === DUPLICATE_SEQUENCE_NUMBER) return { topic, partition, error: null, baseOffset: -1 }
    const error =
      code === NO_ERROR
        ? null
        : kafkaErrorFrom(code, `producing to ${topic}-${partition}`, ofRecords[0] ?? ofBatch)
    return { topic, partition, error, baseOffset }
  })
  reader.tags()
  return produced
}
