import type { Offset } from '../../core/record.ts'
import { refusal } from './refusal.ts'

/** A batch that an idempotent producer repeats is known by one of its last batches. */
const BATCHES_REMEMBERED_MAX = 5
const SEQUENCE_MAX = 2_147_483_647
const NO_EPOCH = -1

export interface SequencedBatch {
  readonly epoch: number
  readonly firstSequence: number
  readonly recordCount: number
  readonly transactional: boolean
}

interface RememberedBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly baseOffset: Offset
  readonly lastOffset: Offset
}

/** What a partition knows of one producer: its epoch, its last batches, its open transaction. */
export class ProducerState {
  /**
   * Of transactions of version 2, whose epochs and so whose sequences are each transaction's own.
   */
  readonly #beginsAtZero: boolean
  #epoch = NO_EPOCH
  #batches: readonly RememberedBatch[] = []
  /** Where the open transaction begins in this partition. */
  #transactionStart: Offset | null = null
  /** The lowest sequence that asked to begin a transaction here and was not written yet. */
  #waiting: { readonly epoch: number; readonly firstSequence: number } | null = null

  constructor(transactionVersion: 1 | 2) {
    this.#beginsAtZero = transactionVersion === 2
  }

  get transactionStart(): Offset | null {
    return this.#transactionStart
  }

  /** The end of the last batch: compaction keeps that batch, were it empty, for its sequence. */
  get lastDataOffset(): Offset {
    return this.#batches.at(-1)?.lastOffset ?? -1
  }

  hasOpenTransaction(epoch: number): boolean {
    return this.#transactionStart !== null && this.#epoch === epoch
  }

  /** The offset of a batch that is here already: the answer to it was lost. */
  offsetOfDuplicate(batch: SequencedBatch): Offset | null {
    if (batch.epoch !== this.#epoch) return null
    const lastSequence = lastSequenceOf(batch)
    const known = this.#batches.find(
      (each) => each.firstSequence === batch.firstSequence && each.lastSequence === lastSequence,
    )
    return known?.baseOffset ?? null
  }

  /** Until a batch that was turned away for now comes back, none behind it may overtake it. */
  announce({ epoch, firstSequence }: SequencedBatch): void {
    if (epoch < this.#epoch) return
    const waiting = this.#waiting
    const isFirst =
      waiting === null ||
      epoch > waiting.epoch ||
      (epoch === waiting.epoch && firstSequence < waiting.firstSequence)
    if (isFirst) this.#waiting = { epoch, firstSequence }
  }

  /** Throws `INVALID_PRODUCER_EPOCH` for a zombie and `OUT_OF_ORDER_SEQUENCE_NUMBER` for a gap. */
  check(batch: SequencedBatch): void {
    this.#checkEpoch(batch.epoch)
    if (this.#transactionStart !== null && !batch.transactional) {
      throw refusal('INVALID_TXN_STATE', 'a plain write of a producer that has a transaction open')
    }
    if (this.#waiting !== null && batch.firstSequence > this.#waiting.firstSequence) {
      throw outOfOrder(batch, this.#waiting.firstSequence)
    }
    if (this.#epoch === NO_EPOCH && !(batch.transactional && this.#beginsAtZero)) return
    const last = batch.epoch === this.#epoch ? this.#batches.at(-1)?.lastSequence : undefined
    const expected = last === undefined || last === SEQUENCE_MAX ? 0 : last + 1
    if (batch.firstSequence !== expected) throw outOfOrder(batch, expected)
  }

  append(batch: SequencedBatch, baseOffset: Offset): void {
    const remembered = batch.epoch === this.#epoch ? this.#batches : []
    this.#waiting = null
    this.#epoch = batch.epoch
    this.#batches = [
      ...remembered.slice(1 - BATCHES_REMEMBERED_MAX),
      {
        firstSequence: batch.firstSequence,
        lastSequence: lastSequenceOf(batch),
        baseOffset,
        lastOffset: baseOffset + batch.recordCount - 1,
      },
    ]
    if (batch.transactional) this.#transactionStart ??= baseOffset
  }

  /**
   * A transaction marker; resolves to where the transaction it ends began, if it wrote anything
   * here.
   */
  end(epoch: number): Offset | null {
    this.#checkEpoch(epoch)
    if (epoch !== this.#epoch) this.#batches = []
    this.#epoch = epoch
    this.#waiting = null
    const start = this.#transactionStart
    this.#transactionStart = null
    return start
  }

  #checkEpoch(epoch: number): void {
    if (epoch < this.#epoch) {
      throw refusal('INVALID_PRODUCER_EPOCH', `epoch ${epoch} is older than ${this.#epoch}`)
    }
  }
}

const outOfOrder = ({ firstSequence }: SequencedBatch, expected: number) =>
  refusal(
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    `sequence ${firstSequence} where ${expected} was expected`,
  )

const lastSequenceOf = ({ firstSequence, recordCount }: SequencedBatch): number =>
  (firstSequence + recordCount - 1) % (SEQUENCE_MAX + 1)
