import { randomBytes } from 'node:crypto'
import { connect } from '../../src/app/connect.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { noHeaders } from '../../src/core/record.ts'
import { RecordProducer, type RecordProducerOptions } from '../../src/kafka/client/producer.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'

/** Tests that share a Kafka keep apart by the names of their topics and groups. */
export const uniqueName = (): string => `t-${randomBytes(5).toString('hex')}`

/** A connection for the time of a test. */
export async function connectTo(brokers: readonly string[]): Promise<KafkaPort & AsyncDisposable> {
  const port = await connect({ brokers }, 'test', silentLogger, systemClock)
  return Object.assign(port, { [Symbol.asyncDispose]: () => port.close() })
}

export const createTopics = (
  port: KafkaPort,
  names: readonly string[],
  partitions: number,
): Promise<unknown> =>
  port.createTopics(names.map((name) => ({ name, partitions, replicationFactor: -1, configs: {} })))

/** Without transactions; to be initialised and closed by whoever asks. */
export const plainProducer = (
  port: KafkaPort,
  options: Partial<Pick<RecordProducerOptions, 'compression' | 'lingerMs'>> = {},
): RecordProducer =>
  new RecordProducer({
    port,
    clock: systemClock,
    logger: silentLogger,
    transactionalId: null,
    transactionTimeoutMs: 10_000,
    compression: 'none',
    lingerMs: 0,
    onProgress: () => {},
    ...options,
  })

/** Texts as they are, dated now or as they say; all are acknowledged when this resolves. */
export async function write(
  port: KafkaPort,
  topic: string,
  records: Iterable<readonly [key: string, value: string, timestampMs?: number]>,
): Promise<void> {
  const producer = plainProducer(port)
  await producer.init()
  for (const [key, value, timestampMs = systemClock.nowMs()] of records) {
    producer.send(topic, null, timestampMs, Buffer.from(key), Buffer.from(value), noHeaders)
  }
  await producer.flush()
  await producer.close()
}
