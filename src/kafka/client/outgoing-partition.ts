import type { Offset } from '../../core/record.ts'
import type { Compression, ProducerIdentity } from '../port.ts'
import type { BatchBuilder } from '../wire/batch-builder.ts'
import { HEADER_BYTES } from '../wire/batch-format.ts'
import { NO_LEADER } from './assigned-partition.ts'

/** Sequences are an int32 that wraps to zero. */
const SEQUENCES = 2 ** 31

/**
 * Encoded once: a retry sends the same bytes with the same sequence, so the broker knows a
 * duplicate.
 */
export interface SealedBatch {
  readonly bytes: Uint8Array
  readonly count: number
  readonly baseSequence: number
  readonly bufferedBytes: number
  readonly openedAtMs: number
}

export interface SealOptions extends ProducerIdentity {
  readonly transactional: boolean
  readonly compression: Compression
}

/** What is on its way to one partition: batches in order, the first of which may be under way. */
export class OutgoingPartition {
  readonly topic: string
  readonly partition: number
  leader = NO_LEADER
  /** The head was sent at least once: whether the broker has it is not known. */
  doubtful = false
  /** After a failure, until it is tried again. */
  resting = false
  /** In a row. */
  failures = 0
  lastFailure: unknown
  /** Under transaction version 1: whether the coordinator was told. */
  inTransaction = false
  endOffset: Offset | undefined
  /** Sent by a flush only, when everything else is acknowledged. */
  readonly isHeldBack: boolean
  /** The batch that is being filled; never an empty one. */
  builder: BatchBuilder | undefined
  #openedAtMs = 0
  readonly #sealed: SealedBatch[] = []
  #nextSequence = 0

  constructor(topic: string, partition: number, isHeldBack: boolean) {
    this.topic = topic
    this.partition = partition
    this.isHeldBack = isHeldBack
  }

  get head(): SealedBatch | undefined {
    return this.#sealed[0]
  }

  get isEmpty(): boolean {
    return this.#sealed.length === 0 && this.builder === undefined
  }

  /** When the oldest record that is not acknowledged came in. */
  get oldestMs(): number {
    return this.head?.openedAtMs ?? this.#openedAtMs
  }

  open(builder: BatchBuilder, nowMs: number): void {
    this.builder = builder
    this.#openedAtMs = nowMs
  }

  /** Gives the open batch its place in the sequence; returns the builder, which is empty again. */
  seal(options: SealOptions): BatchBuilder {
    const builder = this.builder!
    const { count } = builder
    const baseSequence = this.#nextSequence
    const bufferedBytes = builder.sizeBytes - HEADER_BYTES
    const bytes = builder.finish({ ...options, baseSequence })
    this.#sealed.push({ bytes, count, baseSequence, bufferedBytes, openedAtMs: this.#openedAtMs })
    this.#nextSequence = (baseSequence + count) % SEQUENCES
    this.builder = undefined
    return builder
  }

  /** The head is in the log from `baseOffset` on, or somewhere (-1). */
  acknowledge(baseOffset: Offset): SealedBatch {
    const batch = this.#sealed.shift()!
    this.doubtful = false
    this.failures = 0
    if (baseOffset >= 0) this.endOffset = baseOffset + batch.count
    return batch
  }

  /**
   * Forgets what was never sent and takes its sequence numbers back; returns the bytes set free.
   */
  dropUnsent(): number {
    const dropped = this.#sealed.splice(this.doubtful ? 1 : 0)
    if (dropped[0] !== undefined) this.#nextSequence = dropped[0].baseSequence
    let bytes = this.builder === undefined ? 0 : this.builder.sizeBytes - HEADER_BYTES
    this.builder = undefined
    for (const batch of dropped) bytes += batch.bufferedBytes
    return bytes
  }

  /** A bumped epoch starts a sequence of its own. */
  restartSequence(): void {
    this.#nextSequence = 0
  }
}
