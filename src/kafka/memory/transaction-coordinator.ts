import type { Random } from '../../core/random.ts'
import type { ProducerIdentity } from '../port.ts'
import { refusal } from './refusal.ts'
import type { Timers } from './timers.ts'
import {
  identityOf,
  isEnding,
  newTransaction,
  participantKey,
  type Participant,
  type Transaction,
  type TransactionOutcome,
} from './transaction.ts'

const TRANSACTION_TIMEOUT_MAX_MS = 900_000

export interface Marker {
  readonly producerId: number
  readonly epoch: number
  readonly outcome: TransactionOutcome
}

export interface TransactionCoordinatorOptions {
  readonly version: 1 | 2
  readonly markerDelayMs: number
  /**
   * A producer id is exchanged for a new one when its epochs are used up; Kafka's limit is 32767.
   */
  readonly epochMax: number
  readonly random: Random
  readonly timers: Timers
  /**
   * False while the participant cannot be reached: {@link TransactionCoordinator.retryMarkers}
   * tries again.
   */
  readonly writeMarker: (participant: Participant, marker: Marker) => boolean
}

/**
 * Kafka's transaction coordinator, rule by rule (TransactionCoordinator.scala of 4.x): version 1
 * and version 2 (KIP-890) differ in who adds partitions and in what a late or repeated EndTxn may
 * do.
 */
export class TransactionCoordinator {
  readonly #options: TransactionCoordinatorOptions
  readonly #transactions = new Map<string, Transaction>()
  readonly #unwritten = new Set<() => boolean>()
  #lastProducerId = 1_000

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options
  }

  stateOf(transactionalId: string): Transaction | undefined {
    return this.#transactions.get(transactionalId)
  }

  /** A barrier: ends what an earlier holder left open, asking to come back until that is done. */
  initProducerId(transactionalId: string | null, timeoutMs: number): ProducerIdentity {
    if (transactionalId === null) return { producerId: this.#newProducerId(), epoch: 0 }
    if (transactionalId === '') throw refusal('INVALID_REQUEST', 'the transactional id is empty')
    if (timeoutMs <= 0 || timeoutMs > TRANSACTION_TIMEOUT_MAX_MS) {
      throw refusal('INVALID_TRANSACTION_TIMEOUT', `${timeoutMs} ms is not allowed`)
    }
    let transaction = this.#transactions.get(transactionalId)
    if (transaction === undefined) {
      transaction = newTransaction(transactionalId, this.#newProducerId())
      this.#transactions.set(transactionalId, transaction)
    }
    if (isEnding(transaction)) throw stillEnding()
    if (transaction.state === 'Ongoing') {
      this.#fence(transaction)
      throw stillEnding()
    }
    if (this.#isExhausted(transaction)) {
      transaction.producerId = this.#newProducerId()
      transaction.epoch = 0
    } else {
      transaction.epoch += 1
    }
    transaction.previousProducerId = -1
    transaction.timeoutMs = timeoutMs
    transaction.state = 'Empty'
    return identityOf(transaction)
  }

  /**
   * AddPartitionsToTxn and AddOffsetsToTxn; under version 2 what Produce and TxnOffsetCommit do
   * themselves.
   */
  add(transactionalId: string, producer: ProducerIdentity, participants: readonly Participant[]) {
    const transaction = this.#ownedBy(transactionalId, producer)
    if (isEnding(transaction)) throw stillEnding()
    if (transaction.state !== 'Ongoing') {
      transaction.state = 'Ongoing'
      this.#options.timers.schedule(timerOf(transaction), transaction.timeoutMs, () => {
        if (transaction.state === 'Ongoing') this.#fence(transaction)
      })
    }
    for (const each of participants) transaction.participants.set(participantKey(each), each)
  }

  /** Before a write of version 1: the partition must have been added to this very transaction. */
  verify(transactionalId: string, producer: ProducerIdentity, participant: Participant): void {
    const transaction = this.#ownedBy(transactionalId, producer)
    if (isEnding(transaction)) throw stillEnding()
    if (!transaction.participants.has(participantKey(participant))) {
      throw refusal('TRANSACTION_ABORTABLE', `${participantKey(participant)} was not added`)
    }
  }

  endTxn(
    transactionalId: string,
    producer: ProducerIdentity,
    outcome: TransactionOutcome,
  ): ProducerIdentity {
    const transaction = this.#transactions.get(transactionalId)
    if (transaction === undefined) throw unknownId(transactionalId)
    return this.#options.version === 2
      ? this.#endVersion2(transaction, producer, outcome)
      : this.#endVersion1(transaction, producer, outcome)
  }

  /** Aborts what is open and shuts its producer out, as another InitProducerId would. */
  fence(transactionalId: string): void {
    const transaction = this.#transactions.get(transactionalId)
    if (transaction === undefined) throw unknownId(transactionalId)
    if (transaction.state === 'Ongoing') this.#fence(transaction)
    else transaction.epoch += 1
  }

  retryMarkers(): void {
    for (const write of this.#unwritten) if (write()) this.#unwritten.delete(write)
  }

  /**
   * The epoch stays, so the same request may end a later transaction: after an answer that was lost
   * only a new InitProducerId makes its producer safe.
   */
  #endVersion1(
    transaction: Transaction,
    producer: ProducerIdentity,
    outcome: TransactionOutcome,
  ): ProducerIdentity {
    this.#ownedBy(transaction.transactionalId, producer)
    if (transaction.state === 'Ongoing') return this.#end(transaction, outcome)
    if (transaction.state === completeState(outcome)) return identityOf(transaction)
    if (transaction.state === prepareState(outcome)) throw stillEnding()
    throw refusal('INVALID_TXN_STATE', `${outcome} of a transaction that is ${transaction.state}`)
  }

  /** Every end bumps the epoch: one epoch back is a retry of the last end and changes nothing. */
  #endVersion2(
    transaction: Transaction,
    producer: ProducerIdentity,
    outcome: TransactionOutcome,
  ): ProducerIdentity {
    const { state } = transaction
    const isOverflowed =
      transaction.previousProducerId === producer.producerId &&
      producer.epoch === this.#options.epochMax - 1 &&
      transaction.epoch === 0
    if (transaction.producerId !== producer.producerId && !isOverflowed) {
      throw unknownId(transaction.transactionalId)
    }
    const isRetry = isOverflowed || transaction.epoch === producer.epoch + 1
    const isCurrent = !isOverflowed && transaction.epoch === producer.epoch
    if (state === 'Ongoing' || state === 'Empty' ? !isCurrent : !isRetry && !isCurrent) {
      throw fencedBy(transaction, producer)
    }
    if (isEnding(transaction)) {
      if (!isRetry) throw fencedBy(transaction, producer)
      if (state === prepareState(outcome)) throw stillEnding()
    } else if (state === 'Ongoing' || (isCurrent && outcome === 'abort')) {
      return this.#end(transaction, outcome)
    } else if (isRetry && state === completeState(outcome)) {
      return identityOf(transaction)
    }
    throw refusal('INVALID_TXN_STATE', `${outcome} of a transaction that is ${state}`)
  }

  /**
   * Its producer can tell only by being refused: to it the abort looks like one it asked for
   * itself.
   */
  #fence(transaction: Transaction): void {
    this.#end(transaction, 'abort', true)
  }

  #end(
    transaction: Transaction,
    outcome: TransactionOutcome,
    bumpsEpoch = this.#options.version === 2,
  ): ProducerIdentity {
    this.#options.timers.cancel(timerOf(transaction))
    transaction.state = prepareState(outcome)
    if (bumpsEpoch) {
      if (this.#isExhausted(transaction)) transaction.nextProducerId = this.#newProducerId()
      transaction.epoch += 1
    }
    const next =
      transaction.nextProducerId === null
        ? identityOf(transaction)
        : { producerId: transaction.nextProducerId, epoch: 0 }
    this.#writeMarkers(transaction, outcome)
    return next
  }

  #writeMarkers(transaction: Transaction, outcome: TransactionOutcome): void {
    const marker = { ...identityOf(transaction), outcome }
    const { participants } = transaction
    for (const [key, participant] of participants) {
      const write = (): boolean => {
        if (!this.#options.writeMarker(participant, marker)) return false
        participants.delete(key)
        if (participants.size === 0) complete(transaction, outcome)
        return true
      }
      const delayMs = Math.ceil(this.#options.markerDelayMs * this.#options.random())
      const writeOrKeep = (): void => {
        if (!write()) this.#unwritten.add(write)
      }
      if (this.#options.markerDelayMs === 0) writeOrKeep()
      else this.#options.timers.schedule(`marker ${marker.producerId} ${key}`, delayMs, writeOrKeep)
    }
    if (participants.size === 0) complete(transaction, outcome)
  }

  #ownedBy(transactionalId: string, producer: ProducerIdentity): Transaction {
    const transaction = this.#transactions.get(transactionalId)
    if (transaction?.producerId !== producer.producerId) throw unknownId(transactionalId)
    if (transaction.epoch !== producer.epoch) throw fencedBy(transaction, producer)
    return transaction
  }

  #isExhausted({ epoch }: Transaction): boolean {
    return epoch >= this.#options.epochMax - 1
  }

  #newProducerId(): number {
    this.#lastProducerId += 1
    return this.#lastProducerId
  }
}

function complete(transaction: Transaction, outcome: TransactionOutcome): void {
  if (!isEnding(transaction)) return
  transaction.state = completeState(outcome)
  if (transaction.nextProducerId === null) return
  transaction.previousProducerId = transaction.producerId
  transaction.producerId = transaction.nextProducerId
  transaction.nextProducerId = null
  transaction.epoch = 0
}

const prepareState = (outcome: TransactionOutcome) =>
  outcome === 'commit' ? 'PrepareCommit' : 'PrepareAbort'

const completeState = (outcome: TransactionOutcome) =>
  outcome === 'commit' ? 'CompleteCommit' : 'CompleteAbort'

const timerOf = ({ transactionalId }: Transaction): string => `transaction ${transactionalId}`

const stillEnding = () =>
  refusal('CONCURRENT_TRANSACTIONS', 'the transaction before is still being ended')

const unknownId = (transactionalId: string) =>
  refusal('INVALID_PRODUCER_ID_MAPPING', `"${transactionalId}" belongs to another producer id`)

const fencedBy = (transaction: Transaction, { epoch }: ProducerIdentity) =>
  refusal(
    'PRODUCER_FENCED',
    `epoch ${epoch} of "${transaction.transactionalId}" was replaced by ${transaction.epoch}`,
  )
