import { isStreamsError, type StreamsError } from '../../core/errors.ts'
import type { Offset } from '../../core/record.ts'
import type { AbortedTransaction, Isolation } from '../port.ts'
import { controlKind, readBatchHeader, type BatchHeader } from '../wire/batch-reader.ts'
import type { ReadableBatch } from './batch-run.ts'

export interface ReadableBatches {
  readonly batches: readonly ReadableBatch[]
  /** One past the last offset that the whole batches cover, or the start where there was none. */
  readonly endOffset: Offset
  /** The bytes go on, but not with a batch. */
  readonly corruption: StreamsError | undefined
}

/**
 * Checks every batch and leaves out what a consumer must not see: control batches, emptied ones,
 * those below `startOffset` and, under `read_committed`, those of aborted transactions.
 *
 * A broker lists, with each answer, all aborted transactions that the answer overlaps, also those
 * that began before it or end after it. So the state below starts anew with each answer, as in
 * Java's consumer: a transaction starts to abort at its first offset and ends at its producer's
 * abort marker, nowhere else, and the same producer may abort several times.
 */
export function readableBatches(
  bytes: Uint8Array,
  startOffset: Offset,
  aborted: readonly AbortedTransaction[],
  isolation: Isolation,
): ReadableBatches {
  const batches: ReadableBatch[] = []
  const aborting = new AbortingProducers(isolation === 'read_committed' ? aborted : [])
  let endOffset = startOffset
  try {
    for (let at = 0; at < bytes.length;) {
      const header = readBatchHeader(bytes, at)
      if (header === undefined) break
      if (aborting.mayShow(header, bytes, at) && header.lastOffset >= startOffset) {
        batches.push({ at, header })
      }
      endOffset = Math.max(endOffset, header.lastOffset + 1)
      at += header.batchBytes
    }
  } catch (error) {
    if (!isStreamsError(error)) throw error
    return { batches, endOffset, corruption: error }
  }
  return { batches, endOffset, corruption: undefined }
}

class AbortingProducers {
  readonly #producers = new Set<number>()
  readonly #aborted: readonly AbortedTransaction[]
  #next = 0

  constructor(aborted: readonly AbortedTransaction[]) {
    // Brokers list them by the offset of their marker.
    this.#aborted =
      aborted.length < 2 ? aborted : aborted.toSorted((a, b) => a.firstOffset - b.firstOffset)
  }

  /** Asked of each batch in turn. */
  mayShow(header: BatchHeader, bytes: Uint8Array, at: number): boolean {
    const { producerId, lastOffset } = header
    for (;;) {
      const transaction = this.#aborted[this.#next]
      if (transaction === undefined || transaction.firstOffset > lastOffset) break
      this.#producers.add(transaction.producerId)
      this.#next += 1
    }
    if (header.control) {
      if (this.#producers.has(producerId) && controlKind(bytes, at) === 'abort') {
        this.#producers.delete(producerId)
      }
      return false
    }
    if (header.recordCount === 0) return false
    return !(header.transactional && this.#producers.has(producerId))
  }
}
