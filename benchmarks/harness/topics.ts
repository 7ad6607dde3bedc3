import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { noHeaders } from '../../src/core/record.ts'
import { RecordProducer } from '../../src/kafka/client/producer.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { orderJson, orderKey } from './orders.ts'

export const PARTITIONS = 4
const BUFFERED_BYTES_MAX = 16 * 1024 * 1024

/** `append`: the broker stamps each record with the time at which it took it. */
export const createTopic = (
  port: KafkaPort,
  name: string,
  timestamps: 'create' | 'append',
): Promise<void> =>
  port.createTopics([
    {
      name,
      partitions: PARTITIONS,
      replicationFactor: 1,
      configs: {
        'message.timestamp.type': timestamps === 'append' ? 'LogAppendTime' : 'CreateTime',
      },
    },
  ])

export const partitionsOf = (topic: string) =>
  Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }))

/** How many offsets its partitions have used: its records, and the markers of transactions. */
export async function offsetsIn(port: KafkaPort, topic: string): Promise<number> {
  const ends = await port.listOffsets(partitionsOf(topic), 'latest', 'read_uncommitted')
  return [...ends.values()].reduce<number>((sum, end) => sum + (end ?? 0), 0)
}

export async function orderProducer(port: KafkaPort, lingerMs: number): Promise<RecordProducer> {
  const producer = new RecordProducer({
    port,
    clock: systemClock,
    logger: silentLogger,
    transactionalId: null,
    transactionTimeoutMs: 60_000,
    compression: 'none',
    lingerMs,
    batchBytesMax: 128 * 1024,
    onProgress: () => {},
  })
  await producer.init()
  return producer
}

export function sendOrder(
  producer: RecordProducer,
  topic: string,
  index: number,
  timestampMs: number,
  customers: number,
): void {
  const key = Buffer.from(orderKey(index, customers))
  const value = Buffer.from(orderJson(index, timestampMs, customers))
  producer.send(topic, null, timestampMs, key, value, noHeaders)
}

/** A topic of so many orders, 1 ms apart; returns the time of the first. */
export async function makeInput(
  port: KafkaPort,
  topic: string,
  { records, customers }: { readonly records: number; readonly customers: number },
): Promise<number> {
  const startMs = systemClock.nowMs() - records
  await fill(port, [topic], records, (producer, index) =>
    sendOrder(producer, topic, index, startMs + index, customers),
  )
  return startMs
}

/** New topics, filled as fast as the brokers take it. */
export async function fill(
  port: KafkaPort,
  topics: readonly string[],
  records: number,
  send: (producer: RecordProducer, index: number) => void,
): Promise<void> {
  for (const topic of topics) await createTopic(port, topic, 'create')
  const producer = await orderProducer(port, 100)
  for (let index = 0; index < records; index++) {
    send(producer, index)
    if (producer.bufferedBytes > BUFFERED_BYTES_MAX) await producer.drainTo(BUFFERED_BYTES_MAX / 2)
  }
  await producer.flush()
  await producer.close()
}
