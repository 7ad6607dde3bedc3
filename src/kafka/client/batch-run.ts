import type { Headers, Offset } from '../../core/record.ts'
import { RecordCursor, type BatchHeader } from '../wire/batch-reader.ts'
import type { RecordRun } from './record-run.ts'

/** A batch in fetched bytes whose records are to be read. */
export interface ReadableBatch {
  readonly at: number
  readonly header: BatchHeader
}

export interface BatchRunOptions {
  readonly topic: string
  readonly partition: number
  readonly bytes: Uint8Array
  readonly batches: readonly ReadableBatch[]
  /**
   * A fetch answers with whole batches: the records of the first one that were not asked for are
   * skipped.
   */
  readonly startOffset: Offset
  /** Records from here on are left out too. */
  readonly endOffset: Offset
}

/** Unpacks one batch at a time, when its first record is asked for. */
export class BatchRun implements RecordRun {
  readonly topic: string
  readonly partition: number
  readonly endOffset: Offset
  readonly sizeBytes: number
  readonly #bytes: Uint8Array
  readonly #batches: readonly ReadableBatch[]
  readonly #startOffset: Offset
  #nextBatch = 0
  #cursor: RecordCursor | undefined

  constructor({ topic, partition, bytes, batches, startOffset, endOffset }: BatchRunOptions) {
    this.topic = topic
    this.partition = partition
    this.endOffset = endOffset
    this.sizeBytes = bytes.length
    this.#bytes = bytes
    this.#batches = batches
    this.#startOffset = startOffset
  }

  next(): boolean {
    for (;;) {
      const cursor = this.#cursor
      if (cursor !== undefined) {
        while (cursor.next()) {
          if (cursor.offset >= this.endOffset) return false
          if (cursor.offset >= this.#startOffset) return true
        }
      }
      const batch = this.#batches[this.#nextBatch]
      if (batch === undefined) return false
      this.#nextBatch += 1
      this.#cursor = new RecordCursor(this.#bytes, batch.at, batch.header)
    }
  }

  get offset(): Offset {
    return this.#cursor!.offset
  }

  get timestampMs(): number {
    return this.#cursor!.timestampMs
  }

  get key(): Uint8Array | null {
    return this.#cursor!.key
  }

  get value(): Uint8Array | null {
    return this.#cursor!.value
  }

  get headers(): Headers {
    return this.#cursor!.headers
  }
}
