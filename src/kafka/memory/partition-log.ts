import { assert } from '../../core/errors.ts'
import type { Offset } from '../../core/record.ts'
import type { AbortedTransaction, Isolation, ProducerIdentity } from '../port.ts'
import { RecordCursor, setBaseOffset, setLogAppendTime } from '../wire/batch-reader.ts'
import { encodeControlBatch } from '../wire/control-batch.ts'
import { compacted, type CompactOptions } from './compaction.ts'
import { ProducerState } from './producer-state.ts'
import { refusal } from './refusal.ts'
import { storedBatch, type StoredBatch } from './stored-batch.ts'
import type { Marker } from './transaction-coordinator.ts'

const NOT_IDEMPOTENT = -1

/** The data of an aborted transaction in one partition. */
interface AbortedRange extends AbortedTransaction {
  /** Where the marker stands. */
  readonly lastOffset: Offset
}

export interface LogSlice {
  readonly batches: Uint8Array
  readonly aborted: readonly AbortedTransaction[]
}

/** One partition: record batches as bytes, and what Kafka keeps beside them (UnifiedLog.java). */
export class PartitionLog {
  readonly #transactionVersion: 1 | 2
  #batches: StoredBatch[] = []
  readonly #producers = new Map<number, ProducerState>()
  /** In the order of their markers, as in Kafka's index: not in that of their first offsets. */
  #aborted: AbortedRange[] = []
  #start: Offset = 0
  #end: Offset = 0

  constructor(transactionVersion: 1 | 2) {
    this.#transactionVersion = transactionVersion
  }

  get startOffset(): Offset {
    return this.#start
  }

  /** Every replica has everything at once, so the end is also the high watermark. */
  get endOffset(): Offset {
    return this.#end
  }

  /**
   * Where the earliest open transaction begins: nobody who reads committed records gets further.
   */
  get lastStableOffset(): Offset {
    let stable = this.#end
    for (const { transactionStart } of this.#producers.values()) {
      if (transactionStart !== null && transactionStart < stable) stable = transactionStart
    }
    return stable
  }

  endFor(isolation: Isolation): Offset {
    return isolation === 'read_committed' ? this.lastStableOffset : this.#end
  }

  hasOpenTransaction({ producerId, epoch }: ProducerIdentity): boolean {
    return this.#producers.get(producerId)?.hasOpenTransaction(epoch) ?? false
  }

  /** A batch that would begin a transaction is about to ask the coordinator. */
  announce({ header }: StoredBatch): void {
    this.#producerOf(header.producerId).announce(sequenceOf(header))
  }

  /** The offset of a batch whose answer was lost, if this is one. */
  offsetOfDuplicate({ header }: StoredBatch): Offset | null {
    if (header.producerId === NOT_IDEMPOTENT) return null
    return this.#producers.get(header.producerId)?.offsetOfDuplicate(sequenceOf(header)) ?? null
  }

  /** Takes the batch over; throws, changing nothing, when its producer may not write it. */
  append(batch: StoredBatch, appendTimeMs: number | null): Offset {
    const { header } = batch
    const baseOffset = this.#end
    if (header.producerId !== NOT_IDEMPOTENT) {
      const producer = this.#producerOf(header.producerId)
      producer.check(sequenceOf(header))
      producer.append(sequenceOf(header), baseOffset)
    }
    if (appendTimeMs !== null) setLogAppendTime(batch.bytes, appendTimeMs)
    this.#push(batch.bytes)
    return baseOffset
  }

  /** A batch from nowhere: unchecked but for its header, and of no producer this log knows. */
  appendUnchecked(bytes: Uint8Array): Offset {
    const baseOffset = this.#end
    this.#push(bytes)
    return baseOffset
  }

  /**
   * Ends a producer's transaction here. Throws `INVALID_PRODUCER_EPOCH` for a marker of the past.
   */
  appendMarker({ producerId, epoch, outcome }: Marker, timestampMs: number): void {
    const firstOffset = this.#producerOf(producerId).end(epoch)
    const baseOffset = this.#end
    this.#push(
      encodeControlBatch({
        producerId,
        epoch,
        baseOffset,
        timestampMs,
        kind: outcome,
        coordinatorEpoch: 0,
      }),
    )
    if (firstOffset !== null && outcome === 'abort') {
      this.#aborted.push({ producerId, firstOffset, lastOffset: baseOffset })
    }
  }

  /**
   * Batches from the one that holds `offset`, cut off at `maxBytes` wherever that falls; with
   * `wholeFirst` the first one is whole all the same, so that a reader always gets on (KIP-74).
   */
  read(offset: Offset, maxBytes: number, isolation: Isolation, wholeFirst: boolean): LogSlice {
    if (offset < this.#start || offset > this.#end) {
      throw refusal('OFFSET_OUT_OF_RANGE', `${offset} is not in ${this.#start}…${this.#end}`)
    }
    const end = this.endFor(isolation)
    const taken: Uint8Array[] = []
    let bytesTaken = 0
    let upTo = offset
    for (let at = this.#indexOf(offset); at < this.#batches.length; at += 1) {
      const { bytes, header } = this.#batches[at]!
      if (header.baseOffset >= end || bytesTaken >= maxBytes) break
      const isWhole = (wholeFirst && taken.length === 0) || bytesTaken + bytes.length <= maxBytes
      if (!isWhole && taken.length === 0) break
      const part = isWhole ? bytes : bytes.subarray(0, maxBytes - bytesTaken)
      taken.push(part)
      bytesTaken += part.length
      upTo = header.lastOffset + 1
    }
    return {
      batches: Buffer.concat(taken),
      aborted: isolation === 'read_committed' ? this.#abortedWithin(offset, upTo) : [],
    }
  }

  /** The first record at or after the time, markers and aborted ones included, as in Kafka. */
  offsetAt(timestampMs: number, isolation: Isolation): Offset | null {
    const end = this.endFor(isolation)
    for (const { bytes, header } of this.#batches) {
      if (header.maxTimestampMs < timestampMs || header.lastOffset < this.#start) continue
      const records = new RecordCursor(bytes)
      while (records.next()) {
        if (records.timestampMs < timestampMs || records.offset < this.#start) continue
        return records.offset < end ? records.offset : null
      }
    }
    return null
  }

  /** Only the start moves when a batch is needed still for the records behind it. */
  deleteBefore(offset: Offset): void {
    if (offset > this.#end) throw refusal('OFFSET_OUT_OF_RANGE', `${offset} is behind the end`)
    this.#start = Math.max(this.#start, offset)
    this.#batches = this.#batches.filter(({ header }) => header.lastOffset >= this.#start)
  }

  /**
   * What Kafka's log cleaner does, at once and up to the last stable offset, or to the first batch
   * that is later than `untilMs`.
   */
  compact(options: CompactOptions, untilMs = Infinity): void {
    const lastOfProducers = new Set(
      [...this.#producers.values()].map(({ lastDataOffset }) => lastDataOffset),
    )
    const tooNew = this.#batches.find(({ header }) => header.maxTimestampMs > untilMs)
    const end = Math.min(this.lastStableOffset, tooNew?.header.baseOffset ?? Infinity)
    this.#batches = compacted(this.#batches, end, {
      ...options,
      isAborted: (producerId, offset) => this.isAborted(producerId, offset),
      isKeptEmpty: ({ lastOffset }) => lastOfProducers.has(lastOffset),
    })
    const markers = new Set(
      this.#batches.filter(({ header }) => header.control).map(({ header }) => header.baseOffset),
    )
    this.#aborted = this.#aborted.filter(({ lastOffset }) => markers.has(lastOffset))
  }

  isAborted(producerId: number, offset: Offset): boolean {
    return this.#aborted.some(
      (range) =>
        range.producerId === producerId && range.firstOffset <= offset && offset < range.lastOffset,
    )
  }

  /** The batches as they lie there. */
  get batches(): readonly StoredBatch[] {
    return this.#batches
  }

  #push(bytes: Uint8Array): void {
    setBaseOffset(bytes, this.#end)
    const batch = storedBatch(bytes)
    assert(batch.header.lastOffset >= this.#end, 'a batch has at least one offset')
    this.#batches.push(batch)
    this.#end = batch.header.lastOffset + 1
  }

  /** The first batch that reaches to the offset, or behind it. */
  #indexOf(offset: Offset): number {
    let low = 0
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#batches[middle]!.header.lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  #abortedWithin(from: Offset, upTo: Offset): AbortedTransaction[] {
    return this.#aborted
      .filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset < upTo)
      .map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
  }

  #producerOf(producerId: number): ProducerState {
    let producer = this.#producers.get(producerId)
    if (producer === undefined) {
      producer = new ProducerState(this.#transactionVersion)
      this.#producers.set(producerId, producer)
    }
    return producer
  }
}

const sequenceOf = ({
  epoch,
  baseSequence,
  recordCount,
  transactional,
}: StoredBatch['header']) => ({
  epoch,
  firstSequence: baseSequence,
  recordCount,
  transactional,
})
