import { KafkaError, type KafkaPort, type ProducerIdentity } from '../port.ts'
import type { ClientLine, Destination } from './client-line.ts'
import { anyBroker } from './client-line.ts'
import type { ClusterState } from './cluster-state.ts'
import { coordinatorKey } from './faults.ts'
import { refusal } from './refusal.ts'
import type { Participant } from './transaction.ts'

type TransactionRequests = Pick<
  KafkaPort,
  'initProducerId' | 'addPartitionsToTxn' | 'addOffsetsToTxn' | 'txnOffsetCommit' | 'endTxn'
>

export const transactionRequests = (
  state: ClusterState,
  line: ClientLine,
): TransactionRequests => ({
  initProducerId: (transactionalId, transactionTimeoutMs) =>
    line.send({
      api: 'initProducerId',
      to: transactionalId === null ? anyBroker : toCoordinator(transactionalId),
      transactionalId,
      effect: () => state.transactions.initProducerId(transactionalId, transactionTimeoutMs),
    }),

  addPartitionsToTxn: (transactionalId, producer, partitions) =>
    line.send({
      api: 'addPartitionsToTxn',
      to: toCoordinator(transactionalId),
      transactionalId,
      partitions,
      effect: () => {
        for (const each of partitions) state.topics.partition(each)
        state.transactions.add(
          transactionalId,
          producer,
          partitions.map(({ topic, partition }) => ({ type: 'partition', topic, partition })),
        )
      },
    }),

  addOffsetsToTxn: (transactionalId, producer, groupId) =>
    line.send({
      api: 'addOffsetsToTxn',
      to: toCoordinator(transactionalId),
      transactionalId,
      groupId,
      effect: () => {
        state.transactions.add(transactionalId, producer, [{ type: 'offsets', groupId }])
      },
    }),

  txnOffsetCommit: (transactionalId, producer, member, offsets) =>
    line.send({
      api: 'txnOffsetCommit',
      to: { coordinator: coordinatorKey('group', member.groupId) },
      transactionalId,
      groupId: member.groupId,
      partitions: offsets,
      effect: () => {
        const { groupId } = member
        for (const each of offsets) state.topics.partition(each)
        if (!state.groups.hasOpenTransaction(groupId, producer)) {
          joinTransaction(state, transactionalId, producer, { type: 'offsets', groupId })
        }
        state.groups.commitInTransaction(member, producer, offsets)
      },
    }),

  endTxn: (transactionalId, producer, outcome) =>
    line.send({
      api: 'endTxn',
      to: toCoordinator(transactionalId),
      transactionalId,
      outcome,
      effect: () => state.transactions.endTxn(transactionalId, producer, outcome),
    }),
})

/**
 * What Produce and TxnOffsetCommit ask of the coordinator before their first write in a
 * transaction: version 2 adds the participant, version 1 only looks whether the client has.
 */
export function joinTransaction(
  { transactions, transactionVersion }: ClusterState,
  transactionalId: string,
  producer: ProducerIdentity,
  participant: Participant,
): void {
  try {
    if (transactionVersion === 2) transactions.add(transactionalId, producer, [participant])
    else transactions.verify(transactionalId, producer, participant)
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code !== 'PRODUCER_FENCED') throw error
    throw refusal('INVALID_PRODUCER_EPOCH', error.message)
  }
}

const toCoordinator = (transactionalId: string): Destination => ({
  coordinator: coordinatorKey('transaction', transactionalId),
})
