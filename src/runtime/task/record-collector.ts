import type { Headers } from '../../core/record.ts'

/** Where a task's outputs, changes and dead letters go. Bytes are copied during the call. */
export interface RecordCollector {
  /** Partition null: murmur2 of the key's bytes. Throws once sending has failed for good. */
  readonly send: (
    topic: string,
    partition: number | null,
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: Headers,
  ) => void
  /** Undefined while the topic's metadata is not known. */
  readonly partitionCount: (topic: string) => number | undefined
}
