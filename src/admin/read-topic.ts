import type { Clock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import type { RawRecord } from '../core/record.ts'
import { topicPartitionKey } from '../core/topic-partition.ts'
import { Wakeup } from '../core/wakeup.ts'
import { Fetcher } from '../kafka/client/fetcher.ts'
import { listOffsetsRetrying } from '../kafka/client/offsets.ts'
import type { KafkaPort } from '../kafka/port.ts'

const LOOKUP = { timeoutMs: 30_000 }
const WAIT_MS = 500

/**
 * Every committed record of a topic up to where it ends now, partition by partition in offset order
 * as they arrive. It belongs to no group and commits nothing. Throws `TOPIC_MISSING`.
 *
 * `upTo` says where it ends: `stable` stops before the first open transaction. `end` waits until it
 * is decided, so that nothing that is committed now is missed: the markers of one transaction reach
 * its partitions one after the other.
 */
export async function* readTopic(
  port: KafkaPort,
  clock: Clock,
  topic: string,
  upTo: 'stable' | 'end' = 'stable',
): AsyncGenerator<RawRecord> {
  const found = (await port.metadata([topic])).get(topic)
  if (found === undefined) {
    throw new StreamsError('TOPIC_MISSING', {
      message: `there is no topic "${topic}"`,
      hint: 'Check the name and the brokers.',
    })
  }
  const partitions = found.partitions.map(({ id }) => ({ topic, partition: id }))
  const isolation = upTo === 'stable' ? 'read_committed' : 'read_uncommitted'
  const lookUp = (at: 'earliest' | 'latest') =>
    listOffsetsRetrying(port, clock, partitions, at, isolation, LOOKUP)
  const [starts, ends] = await Promise.all([lookUp('earliest'), lookUp('latest')])
  const wakeup = new Wakeup(clock)
  const fetcher = new Fetcher({
    port,
    clock,
    logger: silentLogger,
    isolation: 'read_committed',
    onArrival: wakeup.notify,
  })
  try {
    const open = new Map<number, number>()
    for (const { partition } of partitions) {
      const key = topicPartitionKey(topic, partition)
      const start = starts.get(key) ?? 0
      const end = ends.get(key) ?? 0
      if (start >= end) continue
      open.set(partition, end)
      fetcher.assign(topic, partition, start)
    }
    while (open.size > 0) {
      for (const [partition, end] of open) {
        for (let run = fetcher.take(topic, partition); run; run = fetcher.take(topic, partition)) {
          while (run.next() && run.offset < end) {
            const { offset, timestampMs, key, value, headers } = run
            yield { topic, partition, offset, timestampMs, key, value, headers }
          }
          if (run.endOffset >= end) {
            open.delete(partition)
            fetcher.unassign(topic, partition)
            break
          }
        }
      }
      if (open.size > 0) await wakeup.wait(WAIT_MS)
    }
  } finally {
    await fetcher.close()
  }
}
