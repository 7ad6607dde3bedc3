import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/logger.ts'
import { noHeaders } from '../../core/record.ts'
import { startKafka } from '../../dev/kafka.ts'
import type { RunningKafka } from '../../dev/running-kafka.ts'
import { realCluster } from '../kafkajs/real-cluster.fixture.ts'
import { bytes, text, uniqueName, type ContractCluster } from '../port.contract.kit.ts'
import { KafkaError, type GroupMember, type KafkaPort } from '../port.ts'
import { Fetcher } from './fetcher.ts'
import { GroupMembership } from './group-membership.ts'
import { fetchCommittedOffsets } from './offsets.ts'
import { RecordProducer } from './producer.ts'

const PARTITIONS = 6
const clock = systemClock
let kafka: RunningKafka
let cluster: ContractCluster

beforeAll(async () => {
  kafka = await startKafka({ brokers: 3, own: true })
  cluster = await realCluster(kafka.brokers)
})
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await kafka.stop()
})

const producerOf = async (
  transactionalId: string | null,
  port?: KafkaPort,
): Promise<RecordProducer> => {
  const producer = new RecordProducer({
    port: port ?? (await cluster.port('producer')),
    clock,
    logger: silentLogger,
    transactionalId,
    transactionTimeoutMs: 30_000,
    compression: 'none',
    lingerMs: 5,
    requestTimeoutMs: 5_000,
    onProgress: () => {},
  })
  await producer.init()
  return producer
}

/** With a new producer after each failure, as the runtime does it. */
async function persistently<T>(
  producer: RecordProducer,
  work: (producer: RecordProducer) => Promise<T>,
  transactionalId: string,
  port?: KafkaPort,
): Promise<T> {
  for (let current = producer; ; current = await producerOf(transactionalId, port)) {
    try {
      return await work(current)
    } catch (error) {
      if (!(error instanceof KafkaError) || error.kind === 'fatal') throw error
      await current.close()
    }
  }
}

/** Kills and restarts each broker in turn, and freezes one, while the work goes on. */
async function troubleBrokers(): Promise<void> {
  for (const broker of [0, 1, 2]) {
    await kafka.killBroker(broker)
    await clock.sleep(2_000)
    await kafka.startBroker(broker)
    await clock.sleep(3_000)
  }
  await kafka.freezeBroker(1)
  await clock.sleep(5_000)
  await kafka.thawBroker(1)
}

/** Reads all partitions until each has given as many records as were written. */
async function readAll(topic: string, perPartition: number): Promise<number[][]> {
  const fetcher = new Fetcher({
    port: await cluster.port('reader'),
    clock,
    logger: silentLogger,
    isolation: 'read_committed',
    onArrival: () => {},
  })
  const values = Array.from({ length: PARTITIONS }, (): number[] => [])
  for (let partition = 0; partition < PARTITIONS; partition += 1)
    fetcher.assign(topic, partition, 0)
  while (values.some((each) => each.length < perPartition)) {
    for (const [partition, read] of values.entries()) {
      for (let run = fetcher.take(topic, partition); run; run = fetcher.take(topic, partition)) {
        while (run.next()) read.push(Number(text(run.value)))
      }
    }
    await clock.sleep(5)
  }
  await fetcher.close()
  return values
}

const inOrder = (count: number): number[][] =>
  Array.from({ length: PARTITIONS }, (_, partition) =>
    Array.from({ length: count }, (__, each) => each * PARTITIONS + partition),
  )

test('brokers that are killed and frozen cost an idempotent producer and a fetcher no record and no order', async () => {
  const topic = uniqueName('idempotent')
  await cluster.createTopic(topic, PARTITIONS)
  const producer = await producerOf(null)
  const calm = new AbortController()
  const trouble = troubleBrokers().finally(() => calm.abort())
  let sent = 0
  while (!calm.signal.aborted) {
    for (let each = 0; each < 10 * PARTITIONS; each += 1, sent += 1) {
      producer.send(topic, sent % PARTITIONS, clock.nowMs(), null, bytes(`${sent}`), noHeaders)
    }
    await producer.drainTo(100_000)
    await clock.sleep(5)
  }
  await trouble
  await producer.flush()
  const perPartition = sent / PARTITIONS
  expect(await readAll(topic, perPartition)).toEqual(inOrder(perPartition))
  await producer.close()
})

test('a member stays in its group, and transactions stay exact, while brokers are killed and frozen', async () => {
  const [topic, groupId] = [uniqueName('exact'), uniqueName('group')]
  await cluster.createTopic(topic, PARTITIONS)
  const port = await cluster.port('member')
  const membership = new GroupMembership({
    port,
    clock,
    logger: silentLogger,
    groupId,
    instanceId: null,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    heartbeatIntervalMs: 500,
    protocolName: 'millrace',
    onEvent: () => {},
  })
  const join = (): Promise<Uint8Array> =>
    membership.join(
      bytes(''),
      async (members) => new Map(members.map(({ memberId }) => [memberId, bytes('')])),
    )
  await join()
  const calm = new AbortController()
  const trouble = troubleBrokers().finally(() => calm.abort())
  const input = { topic, partition: 0 }
  let position = 0
  let producer = await producerOf(groupId, port)
  /** As the runtime does it: a woken broker must not tell us a position from before it slept. */
  const committedOffset = async (): Promise<number> => {
    for (;;) {
      try {
        if (membership.member === undefined || membership.state !== 'stable') await join()
        await producer.proveCoordinator(input, membership.member!)
        const [committed] = await fetchCommittedOffsets(port, clock, groupId, [input], {
          timeoutMs: 60_000,
        })
        return committed?.offset ?? 0
      } catch {
        await producer.close()
        producer = await producerOf(groupId, port)
      }
    }
  }
  while (!calm.signal.aborted) {
    if (membership.member === undefined || membership.state !== 'stable') await join()
    const member = membership.member!
    try {
      for (let each = 0; each < 2 * PARTITIONS; each += 1, position += 1) {
        const target = position % PARTITIONS
        producer.send(topic, target, clock.nowMs(), null, bytes(`${position}`), noHeaders)
      }
      await producer.commit([{ topic, partition: 0, offset: position, metadata: '' }], member)
    } catch {
      await producer.close()
      producer = await producerOf(groupId, port)
      position = await committedOffset()
    }
    await clock.sleep(20)
  }
  await trouble
  const perPartition = (await committedOffset()) / PARTITIONS
  expect(perPartition).toBeGreaterThan(100)
  expect(await readAll(topic, perPartition)).toEqual(inOrder(perPartition))
  await membership.leave()
  await producer.close()
})

test('a coordinator that slept through its replacement is not believed', async () => {
  const [topic, groupId] = [uniqueName('positions'), uniqueName('group')]
  await cluster.createTopic(topic, 1)
  const input = { topic, partition: 0 }
  const at = (offset: number) => [{ ...input, offset, metadata: '' }]
  const member: GroupMember = { groupId, memberId: '', generation: -1, instanceId: null }
  const port = await cluster.port('asks')
  const [first, second] = [await producerOf(`${groupId}-1`, port), await producerOf(`${groupId}-2`)]
  await first.commit(at(10), member)
  await second.commit(at(20), member)
  const offsets = (await port.metadata(['__consumer_offsets'])).get('__consumer_offsets')
  const coordinator = offsets!.partitions[0]!.leader - 1
  await kafka.freezeBroker(coordinator)
  const awake = clock.sleep(5_000).then(() => kafka.thawBroker(coordinator))
  // It takes until the other brokers have a new coordinator.
  await persistently(second, (producer) => producer.commit(at(30), member), `${groupId}-2`)
  await awake
  const known = await persistently(
    first,
    async (producer) => {
      await producer.proveCoordinator(input, member)
      return port.offsetFetch(groupId, [input], true)
    },
    `${groupId}-1`,
    port,
  )
  expect(known).toMatchObject([{ offset: 30 }])
})
