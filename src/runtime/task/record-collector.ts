import { StreamsError } from '../../core/errors.ts'
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

/** What a step sends when it is closed would belong to no commit of its task. */
export const closable = (
  { send, partitionCount }: RecordCollector,
  isClosing: () => boolean,
): RecordCollector => ({
  partitionCount,
  send: (topic, partition, timestampMs, key, value, headers) => {
    if (isClosing()) throw sentWhileClosing(topic)
    send(topic, partition, timestampMs, key, value, headers)
  },
})

const sentWhileClosing = (topic: string): StreamsError =>
  new StreamsError('PROCESSING_FAILED', {
    message: `a step sends a record to topic "${topic}" while it is being closed`,
    hint: 'Send while process or a scheduled callback runs; what is in a store stays there.',
  })
