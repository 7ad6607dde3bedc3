import type { TopicMetadata } from '../../port.ts'
import { kafkaErrorFrom, NO_ERROR } from '../../wire/error-codes.ts'
import { apis, type ProtocolRequest } from '../../wire/protocol-request.ts'
import type { ProtocolReader } from '../../wire/protocol-reader.ts'
import type { BrokerAddress } from '../connection-settings.ts'

export interface ClusterMetadata {
  readonly nodes: ReadonlyMap<number, BrokerAddress>
  readonly controllerId: number
  readonly topics: ReadonlyMap<string, TopicMetadata>
}

const UNKNOWN_TOPIC_OR_PARTITION = 3

/** Topics that do not exist are left out and never created. */
export const metadataRequest = (
  topics: readonly string[] | 'all',
): ProtocolRequest<ClusterMetadata> => ({
  api: apis.metadata,
  versions: [7, 7],
  encode: (writer) =>
    void writer
      .array(topics === 'all' ? null : topics, (topic) => writer.string(topic))
      .boolean(false),
  decode: (reader) => {
    reader.throttle()
    const nodes = new Map<number, BrokerAddress>()
    reader.array(() => {
      nodes.set(reader.int32(), { host: reader.string(), port: reader.int32() })
      reader.nullableString()
    })
    reader.nullableString()
    const controllerId = reader.int32()
    const found = new Map<string, TopicMetadata>()
    reader.array(() => readTopic(reader, found))
    return { nodes, controllerId, topics: found }
  },
})

function readTopic(reader: ProtocolReader, found: Map<string, TopicMetadata>): void {
  const error = reader.int16()
  const topic = reader.string()
  reader.boolean()
  const partitions = reader.array(() => {
    // An error of a partition says that it has no leader now, which its leader, -1, says too.
    reader.int16()
    const partition = { id: reader.int32(), leader: reader.int32() }
    reader.int32()
    for (let list = 0; list < 3; list++) reader.array(() => reader.int32())
    return partition
  })
  if (error === UNKNOWN_TOPIC_OR_PARTITION) return
  if (error !== NO_ERROR) throw kafkaErrorFrom(error, `asking for the metadata of "${topic}"`)
  partitions.sort((left, right) => left.id - right.id)
  found.set(topic, { partitions })
}
