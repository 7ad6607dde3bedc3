import type { Clock } from '../../core/clock.ts'
import type { TopicPartition } from '../../core/topic-partition.ts'
import {
  KafkaError,
  type CommittedOffset,
  type GroupMember,
  type KafkaPort,
  type ProducerIdentity,
} from '../port.ts'
import { answeredWithin } from './answered-within.ts'
import { retrying, wasRefused, type RetryPolicy } from './retrying.ts'

const RETRY_INITIAL_MS = 1
const RETRY_MAX_MS = 20

export interface TransactionOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  readonly requestTimeoutMs: number
}

/** The code of an error that leaves open whether the transaction was committed. */
export const OUTCOME_UNKNOWN = 'COMMIT_OUTCOME_UNKNOWN'

/**
 * The requests around the records of a transaction. A refused request is sent again; one whose
 * answer was lost never is, because under transaction version 1 a late EndTxn could end the *next*
 * transaction (Jepsen, Bufstream 0.1.0): the caller must not use this producer again.
 */
export class Transaction {
  readonly #options: TransactionOptions
  readonly #retry: RetryPolicy
  #open = false

  constructor(options: TransactionOptions) {
    this.#options = options
    this.#retry = {
      initialMs: RETRY_INITIAL_MS,
      maxMs: RETRY_MAX_MS,
      timeoutMs: options.transactionTimeoutMs,
      cures: wasRefused,
    }
  }

  /** Version 1: the coordinator is told of partitions and offsets before they are written. */
  get #isToldFirst(): boolean {
    return this.#options.port.capabilities().transactionVersion === 1
  }

  get mustAddPartitions(): boolean {
    return this.#isToldFirst
  }

  /** A new identity: the coordinator has ended what was open. */
  reset(): void {
    this.#open = false
  }

  /** Records are on their way: there is something to end. */
  begin(): void {
    this.#open = true
  }

  async addPartitions(
    producer: ProducerIdentity,
    partitions: readonly TopicPartition[],
  ): Promise<void> {
    const { port, transactionalId } = this.#options
    this.#open = true
    await this.#request(() => port.addPartitionsToTxn(transactionalId, producer, partitions))
  }

  /** What is sent with the records, before the end. */
  async addOffsets(
    producer: ProducerIdentity,
    offsets: readonly CommittedOffset[],
    member: GroupMember,
  ): Promise<void> {
    if (offsets.length === 0) return
    const { port, transactionalId } = this.#options
    this.#open = true
    if (this.#isToldFirst) {
      const { groupId } = member
      await this.#request(() => port.addOffsetsToTxn(transactionalId, producer, groupId))
    }
    await certain(
      this.#request(() => port.txnOffsetCommit(transactionalId, producer, member, offsets)),
    )
  }

  /** All records are acknowledged. Resolves to the identity of the next transaction. */
  commit(producer: ProducerIdentity): Promise<ProducerIdentity> {
    return this.#end(producer, 'commit')
  }

  abort(producer: ProducerIdentity): Promise<ProducerIdentity> {
    return this.#end(producer, 'abort')
  }

  async #end(producer: ProducerIdentity, outcome: 'commit' | 'abort'): Promise<ProducerIdentity> {
    if (!this.#open) return producer
    const { port, transactionalId } = this.#options
    const next = await certain(this.#request(() => port.endTxn(transactionalId, producer, outcome)))
    this.#open = false
    return next
  }

  #request<T>(send: () => Promise<T>): Promise<T> {
    const { clock, requestTimeoutMs } = this.#options
    return retrying(clock, this.#retry, () => answeredWithin(clock, requestTimeoutMs, send()))
  }
}

/** Says so when the answer was lost. */
async function certain<T>(request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (error) {
    if (!(error instanceof KafkaError) || error.kind !== 'network') throw error
    const message = `it is not known whether the transaction was committed: ${error.message}`
    throw new KafkaError(OUTCOME_UNKNOWN, 'network', message, { cause: error })
  }
}
