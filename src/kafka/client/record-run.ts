import type { Headers, Offset } from '../../core/record.ts'

/**
 * Records of one partition that were fetched together, in offset order, decoded one by one as they
 * are read; aborted and control records are already left out. May hold no record at all (only
 * markers or gaps): then only `endOffset` matters.
 */
export interface RecordRun {
  readonly topic: string
  readonly partition: number
  /**
   * Moves to the next record; false at the end. Throws `RECORD_BATCH_CORRUPTED` for bytes that are
   * no record.
   */
  readonly next: () => boolean
  /**
   * Of the current record, as are the next four. Bytes point into the fetched buffer: copy what you
   * keep.
   */
  readonly offset: Offset
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Headers
  /**
   * One past the last offset this run covers: markers, aborted records and compaction gaps
   * included.
   */
  readonly endOffset: Offset
  /** As fetched, which is before decompression. */
  readonly sizeBytes: number
}
