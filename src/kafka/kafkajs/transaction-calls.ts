import type { Capabilities, KafkaPort } from '../port.ts'
import type { Cluster } from './cluster.ts'
import {
  addOffsetsToTxnRequest,
  addPartitionsToTxnRequest,
  endTxnRequest,
  initProducerIdRequest,
  txnOffsetCommitRequest,
} from './requests/transactions.ts'

export const transactionCalls = (
  cluster: Cluster,
  capabilities: () => Capabilities,
): Pick<
  KafkaPort,
  'initProducerId' | 'addPartitionsToTxn' | 'addOffsetsToTxn' | 'txnOffsetCommit' | 'endTxn'
> => ({
  initProducerId: (id, timeoutMs) => {
    const request = initProducerIdRequest(id, timeoutMs)
    return id === null ? cluster.toAny(request) : cluster.toCoordinator('transaction', id, request)
  },

  addPartitionsToTxn: (id, producer, partitions) =>
    cluster.toCoordinator('transaction', id, addPartitionsToTxnRequest(id, producer, partitions)),

  addOffsetsToTxn: (id, producer, groupId) =>
    cluster.toCoordinator('transaction', id, addOffsetsToTxnRequest(id, producer, groupId)),

  txnOffsetCommit: async (id, producer, member, offsets) =>
    cluster.toCoordinator(
      'group',
      member.groupId,
      txnOffsetCommitRequest(id, producer, member, offsets, capabilities().transactionVersion),
    ),

  endTxn: async (id, producer, outcome) =>
    cluster.toCoordinator(
      'transaction',
      id,
      endTxnRequest(id, producer, outcome, capabilities().transactionVersion),
    ),
})
