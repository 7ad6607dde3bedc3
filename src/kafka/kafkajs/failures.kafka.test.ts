import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/logger.ts'
import { startKafka } from '../../dev/kafka.ts'
import type { RunningKafka } from '../../dev/running-kafka.ts'
import { KafkaError, type KafkaErrorKind, type KafkaPort } from '../port.ts'
import { BatchBuilder } from '../wire/batch-builder.ts'
import { kafkajsPort } from './kafkajs-port.ts'

const REQUEST_TIMEOUT_MS = 1_000
const patient = { timeout: 60_000, interval: 50 }

let kafka: RunningKafka
beforeAll(async () => {
  kafka = await startKafka({ brokers: 3, own: true })
})
afterAll(() => kafka.stop())

async function connected(): Promise<KafkaPort & AsyncDisposable> {
  const port = kafkajsPort(
    { brokers: kafka.brokers, clientId: 'test', requestTimeoutMs: REQUEST_TIMEOUT_MS },
    { logger: silentLogger, clock: systemClock },
  )
  await port.connect()
  return { ...port, [Symbol.asyncDispose]: port.close }
}

/** Of a topic on every broker, kept by two of them at least. */
async function leaderOf(port: KafkaPort, topic: string): Promise<number> {
  return (await port.metadata([topic])).get(topic)?.partitions[0]?.leader ?? -1
}

async function createTopic(port: KafkaPort, name: string): Promise<void> {
  await port.createTopics([{ name, partitions: 1, replicationFactor: 3, configs: {} }])
}

const oneRecord = (): Uint8Array => {
  const builder = new BatchBuilder()
  builder.append(0, null, Buffer.from('value'), [])
  return builder.finish({
    producerId: -1,
    epoch: -1,
    baseSequence: -1,
    transactional: false,
    compression: 'none',
  })
}

/** `written`, or why not. */
async function produce(
  port: KafkaPort,
  node: number,
  topic: string,
): Promise<'written' | KafkaErrorKind> {
  const options = { transactionalId: null, acks: -1, timeoutMs: REQUEST_TIMEOUT_MS } as const
  try {
    const [answer] = await port.produce(
      node,
      [{ topic, partition: 0, batch: oneRecord() }],
      options,
    )
    return answer?.error?.kind ?? 'written'
  } catch (error) {
    if (error instanceof KafkaError) return error.kind
    throw error
  }
}

const settled = (call: () => Promise<unknown>): Promise<unknown> =>
  call().then(
    () => 'answered',
    (error: unknown) => (error instanceof KafkaError ? error.kind : error),
  )

describe('when a leader is killed', () => {
  test('its connection is lost, the new leader is found, the old one serves again later', async () => {
    await using port = await connected()
    const topic = 'killed-leader'
    await createTopic(port, topic)
    const first = await leaderOf(port, topic)
    await expect.poll(() => produce(port, first, topic), patient).toBe('written')

    await kafka.killBroker(first - 1)
    expect(await produce(port, first, topic)).toBe('network')
    await expect
      .poll(async () => {
        const leader = await leaderOf(port, topic)
        return leader !== first && leader !== -1 && (await produce(port, leader, topic))
      }, patient)
      .toBe('written')

    await kafka.startBroker(first - 1)
    await expect.poll(() => produce(port, first, topic), patient).toBe('stale-metadata')
    const ends = await port.listOffsets([{ topic, partition: 0 }], 'latest', 'read_committed')
    expect(ends.get(`${topic}-0`)).toBeGreaterThanOrEqual(2)
  })
})

describe('when a broker hangs', () => {
  test('its requests fail in time, others are asked, and it is asked again later', async () => {
    await using port = await connected()
    const topic = 'hung-leader'
    await createTopic(port, topic)
    const hung = await leaderOf(port, topic)
    await produce(port, hung, topic)
    await kafka.freezeBroker(hung - 1)
    try {
      expect(await produce(port, hung, topic)).toBe('network')
      await expect.poll(() => settled(() => port.metadata([topic])), patient).toBe('answered')
    } finally {
      await kafka.thawBroker(hung - 1)
    }
    await expect
      .poll(async () => produce(port, await leaderOf(port, topic), topic), patient)
      .toBe('written')
    await expect
      .poll(
        async () => ['written', 'stale-metadata'].includes(await produce(port, hung, topic)),
        patient,
      )
      .toBe(true)
  })
})

describe('when a coordinator is killed', () => {
  test('the group and the transactional id are found at another broker', async () => {
    await using port = await connected()
    const topic = 'moved-coordinator'
    await createTopic(port, topic)
    const group = { groupId: topic, memberId: '', generation: -1, instanceId: null }
    const commit = (offset: number) =>
      settled(() => port.offsetCommit(group, [{ topic, partition: 0, offset, metadata: '' }]))
    const initialise = () => settled(() => port.initProducerId(topic, 60_000))
    await expect.poll(() => commit(1), patient).toBe('answered')
    await expect.poll(initialise, patient).toBe('answered')

    // Both internal topics have one partition: this is their leader.
    const internal = await port.metadata(['__consumer_offsets', '__transaction_state'])
    const coordinators = [...internal.values()].map(({ partitions }) => partitions[0]!.leader)
    for (const node of new Set(coordinators)) {
      await kafka.killBroker(node - 1)
      await expect.poll(() => commit(2), patient).toBe('answered')
      await expect.poll(initialise, patient).toBe('answered')
      await kafka.startBroker(node - 1)
    }
    const committed = () => port.offsetFetch(topic, [{ topic, partition: 0 }], true)
    await expect
      .poll(() => committed().catch(() => []), patient)
      .toEqual([{ topic, partition: 0, offset: 2, metadata: '' }])
  })
})
