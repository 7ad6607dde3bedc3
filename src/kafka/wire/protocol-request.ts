import type { ProtocolReader } from './protocol-reader.ts'
import { ProtocolWriter } from './protocol-writer.ts'

/** A kind of request: its key and name in the protocol, its first flexible version (KIP-482). */
export interface Api {
  readonly key: number
  readonly name: string
  readonly flexibleFrom: number
}

const NEVER = Number.POSITIVE_INFINITY

export const apis = {
  produce: { key: 0, name: 'Produce', flexibleFrom: 9 },
  fetch: { key: 1, name: 'Fetch', flexibleFrom: 12 },
  listOffsets: { key: 2, name: 'ListOffsets', flexibleFrom: 6 },
  metadata: { key: 3, name: 'Metadata', flexibleFrom: 9 },
  offsetCommit: { key: 8, name: 'OffsetCommit', flexibleFrom: 8 },
  offsetFetch: { key: 9, name: 'OffsetFetch', flexibleFrom: 6 },
  findCoordinator: { key: 10, name: 'FindCoordinator', flexibleFrom: 3 },
  joinGroup: { key: 11, name: 'JoinGroup', flexibleFrom: 6 },
  heartbeat: { key: 12, name: 'Heartbeat', flexibleFrom: 4 },
  leaveGroup: { key: 13, name: 'LeaveGroup', flexibleFrom: 4 },
  syncGroup: { key: 14, name: 'SyncGroup', flexibleFrom: 4 },
  describeGroups: { key: 15, name: 'DescribeGroups', flexibleFrom: 5 },
  listGroups: { key: 16, name: 'ListGroups', flexibleFrom: 3 },
  saslHandshake: { key: 17, name: 'SaslHandshake', flexibleFrom: NEVER },
  apiVersions: { key: 18, name: 'ApiVersions', flexibleFrom: 3 },
  createTopics: { key: 19, name: 'CreateTopics', flexibleFrom: 5 },
  deleteTopics: { key: 20, name: 'DeleteTopics', flexibleFrom: 4 },
  deleteRecords: { key: 21, name: 'DeleteRecords', flexibleFrom: 2 },
  initProducerId: { key: 22, name: 'InitProducerId', flexibleFrom: 2 },
  addPartitionsToTxn: { key: 24, name: 'AddPartitionsToTxn', flexibleFrom: 3 },
  addOffsetsToTxn: { key: 25, name: 'AddOffsetsToTxn', flexibleFrom: 3 },
  endTxn: { key: 26, name: 'EndTxn', flexibleFrom: 3 },
  txnOffsetCommit: { key: 28, name: 'TxnOffsetCommit', flexibleFrom: 3 },
  describeConfigs: { key: 32, name: 'DescribeConfigs', flexibleFrom: 4 },
  deleteGroups: { key: 42, name: 'DeleteGroups', flexibleFrom: 2 },
} as const satisfies Record<string, Api>

/** One request and how to read its answer. */
export interface ProtocolRequest<out T> {
  readonly api: Api
  /** The versions that `encode` and `decode` know; the highest that the broker offers is used. */
  readonly versions: readonly [oldest: number, newest: number]
  readonly encode: (writer: ProtocolWriter, version: number) => void
  /** Throws the `KafkaError` that the answer stands for, when it is an error as a whole. */
  readonly decode: (reader: ProtocolReader, version: number) => T
  /** How long the broker may hold the answer back on purpose. */
  readonly heldMs?: number
  /** About how large `encode` will get, where that is known to be large. */
  readonly sizeBytes?: number
}

export const isFlexible = (api: Api, version: number): boolean => version >= api.flexibleFrom

const HEADER_BYTES_MAX = 512

/** The request as it goes over the wire: length, header (version 1 or 2) and body. */
export function encodeFrame(
  request: ProtocolRequest<unknown>,
  version: number,
  correlationId: number,
  clientId: string,
): Buffer {
  const { api } = request
  const writer = new ProtocolWriter(
    isFlexible(api, version),
    (request.sizeBytes ?? 0) + HEADER_BYTES_MAX,
  )
  writer.int32(0).int16(api.key).int16(version).int32(correlationId).plainString(clientId).tags()
  request.encode(writer, version)
  const frame = writer.finish()
  frame.writeInt32BE(frame.length - 4, 0)
  return frame
}
