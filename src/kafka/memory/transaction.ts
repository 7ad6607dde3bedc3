import type { TopicPartition } from '../../core/topic-partition.ts'
import type { ProducerIdentity } from '../port.ts'

/** Who must be told how a transaction ended: a partition, or the group whose offsets are in it. */
export type Participant =
  | ({ readonly type: 'partition' } & TopicPartition)
  | { readonly type: 'offsets'; readonly groupId: string }

/** Empty → Ongoing → PrepareCommit → CompleteCommit → Ongoing …, or by way of the two aborts. */
export type TransactionStateName =
  'Empty' | 'Ongoing' | 'PrepareCommit' | 'PrepareAbort' | 'CompleteCommit' | 'CompleteAbort'

export type TransactionOutcome = 'commit' | 'abort'

/** What the coordinator knows under one transactional id. */
export interface Transaction {
  readonly transactionalId: string
  producerId: number
  /** The id before the last rotation: a retry may still name it. */
  previousProducerId: number
  /**
   * The id that the next transaction runs under, chosen when the epochs of this one are used up.
   */
  nextProducerId: number | null
  epoch: number
  timeoutMs: number
  state: TransactionStateName
  /** By {@link participantKey}. */
  readonly participants: Map<string, Participant>
}

export const newTransaction = (transactionalId: string, producerId: number): Transaction => ({
  transactionalId,
  producerId,
  previousProducerId: -1,
  nextProducerId: null,
  epoch: -1,
  timeoutMs: 0,
  state: 'Empty',
  participants: new Map(),
})

export const participantKey = (participant: Participant): string =>
  participant.type === 'partition'
    ? `partition ${participant.topic}-${participant.partition}`
    : `offsets ${participant.groupId}`

export const identityOf = ({ producerId, epoch }: Transaction): ProducerIdentity => ({
  producerId,
  epoch,
})

export const isEnding = ({ state }: Transaction): boolean =>
  state === 'PrepareCommit' || state === 'PrepareAbort'
