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

/** What a cluster or topic allows us is asked for from this version on, and we do not want it. */
const WITH_OPERATIONS = 8
/** The cluster's operations are another request's from this version on. */
const WITHOUT_CLUSTER_OPERATIONS = 11
/** KIP-516. */
const WITH_TOPIC_IDS = 10

/** Topics that do not exist are left out and never created. */
export const metadataRequest = (
  topics: readonly string[] | 'all',
): ProtocolRequest<ClusterMetadata> => ({
  api: apis.metadata,
  versions: [7, 12],
  encode: (writer, version) => {
    writer
      .array(topics === 'all' ? null : topics, (topic) => {
        if (version >= WITH_TOPIC_IDS) writer.uuid('')
        writer.string(topic).tags()
      })
      .boolean(false)
    if (hasClusterOperations(version)) writer.boolean(false)
    if (version >= WITH_OPERATIONS) writer.boolean(false)
    writer.tags()
  },
  decode: (reader, version) => {
    reader.throttle()
    const nodes = new Map<number, BrokerAddress>()
    reader.array(() => {
      nodes.set(reader.int32(), { host: reader.string(), port: reader.int32() })
      reader.nullableString()
      reader.tags()
    })
    reader.nullableString()
    const controllerId = reader.int32()
    const found = new Map<string, TopicMetadata>()
    reader.array(() => readTopic(reader, version, found))
    if (hasClusterOperations(version)) reader.int32()
    reader.tags()
    return { nodes, controllerId, topics: found }
  },
})

const hasClusterOperations = (version: number): boolean =>
  version >= WITH_OPERATIONS && version < WITHOUT_CLUSTER_OPERATIONS

function readTopic(
  reader: ProtocolReader,
  version: number,
  found: Map<string, TopicMetadata>,
): void {
  const error = reader.int16()
  const topic = reader.string()
  const id = version >= WITH_TOPIC_IDS ? reader.uuid() : ''
  reader.boolean()
  const partitions = reader.array(() => {
    // An error of a partition says that it has no leader now, which its leader, -1, says too.
    reader.int16()
    const partition = { id: reader.int32(), leader: reader.int32() }
    reader.int32()
    for (let list = 0; list < 3; list++) reader.array(() => reader.int32())
    reader.tags()
    return partition
  })
  if (version >= WITH_OPERATIONS) reader.int32()
  reader.tags()
  if (error === UNKNOWN_TOPIC_OR_PARTITION) return
  if (error !== NO_ERROR) throw kafkaErrorFrom(error, `asking for the metadata of "${topic}"`)
  partitions.sort((left, right) => left.id - right.id)
  found.set(topic, { id, partitions })
}
