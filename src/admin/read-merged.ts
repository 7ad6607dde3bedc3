import type { Clock } from '../core/clock.ts'
import { silentLogger } from '../core/logger.ts'
import type { Offset, RawRecord } from '../core/record.ts'
import { Wakeup } from '../core/wakeup.ts'
import { Fetcher } from '../kafka/client/fetcher.ts'
import type { RecordRun } from '../kafka/client/record-run.ts'
import type { KafkaPort } from '../kafka/port.ts'

const WAIT_MS = 500
/** Of each partition only the records next in turn are needed. */
const PARTITION_BYTES_MAX = 256 * 1024

/** What is to be read of one partition. */
export interface Stretch {
  readonly partition: number
  readonly start: Offset
  /** Exclusive. */
  readonly end: Offset
}

interface OpenPartition<T> extends Stretch {
  run: RecordRun | undefined
  head: T | undefined
  isAtEnd: boolean
}

export interface MergedReading<T> {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly topic: string
  readonly stretches: readonly Stretch[]
  readonly read: (record: RawRecord) => T
  /** Of two that are next in their partitions. */
  readonly precedes: (one: T, other: T) => boolean
  /** Ends the reading early. */
  readonly signal: AbortSignal
}

/**
 * Committed records of several partitions as one sequence: each partition in its own order, and of
 * those next in turn the one that `precedes` puts first. Bytes point into fetched buffers: copy
 * what you keep. Rejects with the `KafkaError` that ended the reading of a partition.
 */
export async function* readMerged<T>(reading: MergedReading<T>): AsyncGenerator<T> {
  const { port, clock, topic, stretches, read, precedes, signal } = reading
  const wakeup = new Wakeup(clock)
  const fetcher = new Fetcher({
    port,
    clock,
    logger: silentLogger,
    isolation: 'read_committed',
    onArrival: wakeup.notify,
    partitionBytesMax: PARTITION_BYTES_MAX,
  })
  signal.addEventListener('abort', wakeup.notify)
  try {
    let open: OpenPartition<T>[] = stretches
      .filter(({ start, end }) => start < end)
      .map((stretch) => ({ ...stretch, run: undefined, head: undefined, isAtEnd: false }))
    for (const { partition, start } of open) fetcher.assign(topic, partition, start)
    for (;;) {
      for (const each of open) {
        while (!signal.aborted && !advance(each, topic, fetcher, read)) await wakeup.wait(WAIT_MS)
      }
      if (signal.aborted) return
      open = open.filter(({ isAtEnd }) => !isAtEnd)
      let next = open[0]
      if (next === undefined) return
      for (const each of open) if (precedes(each.head!, next.head!)) next = each
      yield next.head!
      next.head = undefined
    }
  } finally {
    signal.removeEventListener('abort', wakeup.notify)
    await fetcher.close()
  }
}

/** Makes the next record the head, or finds the end; false while it has to be waited for. */
function advance<T>(
  open: OpenPartition<T>,
  topic: string,
  fetcher: Fetcher,
  read: (record: RawRecord) => T,
): boolean {
  const { partition, end } = open
  while (open.head === undefined && !open.isAtEnd) {
    open.run ??= fetcher.take(topic, partition)
    const { run } = open
    if (run === undefined) return false
    if (run.next()) {
      const { offset, timestampMs, key, value, headers } = run
      if (offset >= end) open.isAtEnd = true
      else open.head = read({ topic, partition, offset, timestampMs, key, value, headers })
    } else {
      open.isAtEnd = run.endOffset >= end
      open.run = undefined
    }
    if (open.isAtEnd) fetcher.unassign(topic, partition)
  }
  return true
}
