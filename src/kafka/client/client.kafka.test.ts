import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/logger.ts'
import { noHeaders } from '../../core/record.ts'
import { realCluster } from '../kafkajs/real-cluster.fixture.ts'
import { bytes, text, uniqueName, type ContractCluster } from '../port.contract.kit.ts'
import {
  committedReads,
  compactedConfigs,
  LONG_ABORT_RECORD_BYTES,
  writeSupersededBatches,
} from '../port.contract.scenarios.ts'
import type { GroupMember, KafkaPort } from '../port.ts'
import { Fetcher } from './fetcher.ts'
import { GroupMembership, type Assign } from './group-membership.ts'
import { fetchCommittedOffsets, listOffsetsRetrying } from './offsets.ts'
import { RecordProducer } from './producer.ts'
import { ensureTopics } from './topics.ts'

let cluster: ContractCluster
beforeAll(async () => {
  cluster = await realCluster(inject('kafkaBrokers'))
})
afterAll(() => cluster[Symbol.asyncDispose]())

const clock = systemClock
const timeout = { timeoutMs: 30_000 }

interface Read {
  readonly keys: (string | null)[]
  readonly values: (string | null)[]
}

/** Everything committed, read until the position is at the end of the partition. */
async function readToEnd(topic: string, partitionBytesMax?: number): Promise<Read> {
  const port = await cluster.port('reader')
  const fetcher = new Fetcher({
    port,
    clock,
    logger: silentLogger,
    isolation: 'read_committed',
    onArrival: () => {},
    ...(partitionBytesMax === undefined ? {} : { partitionBytesMax }),
  })
  const read: Read = { keys: [], values: [] }
  let position = 0
  fetcher.assign(topic, 0, position)
  for (;;) {
    const run = fetcher.take(topic, 0)
    if (run === undefined) {
      const ends = fetcher.watermarks(topic, 0)
      if (ends !== undefined && position === ends.highWatermark) break
      await clock.sleep(10)
      continue
    }
    while (run.next()) {
      read.keys.push(text(run.key))
      read.values.push(text(run.value))
    }
    position = run.endOffset
  }
  await fetcher.close()
  return read
}

describe('the fetcher on a real cluster reads exactly what is committed', () => {
  test.for(Object.entries(committedReads))('%s', async ([name, write]) => {
    const topic = uniqueName('committed')
    await cluster.createTopic(topic, 1)
    const expected = await write({ port: await cluster.port('writer'), clock }, topic)
    expect((await readToEnd(topic)).values, name).toEqual(expected)
    expect((await readToEnd(topic, 2 * LONG_ABORT_RECORD_BYTES)).values).toEqual(expected)
    expect((await readToEnd(topic, 100)).values).toEqual(expected)
  })

  test('it gets past batches that compaction has emptied', async () => {
    const topic = uniqueName('compacted')
    await cluster.createTopic(topic, 1, compactedConfigs)
    const keys = await writeSupersededBatches({ port: await cluster.port('writer'), clock }, topic)
    await cluster.forceCompaction?.(topic)
    const read = await readToEnd(topic)
    expect(new Set(read.keys)).toEqual(new Set(keys))
  })
})

const producerOf = async (port: KafkaPort, transactionalId: string | null) => {
  const producer = new RecordProducer({
    port,
    clock,
    logger: silentLogger,
    transactionalId,
    transactionTimeoutMs: 60_000,
    compression: 'lz4',
    lingerMs: 5,
    onProgress: () => {},
  })
  await producer.init()
  return producer
}

const outside = (groupId: string): GroupMember => ({
  groupId,
  memberId: '',
  generation: -1,
  instanceId: null,
})

describe('the producer on a real cluster', () => {
  test('commits transaction after transaction, drops an aborted one, and is fenced by a successor', async () => {
    const [source, target, id] = [uniqueName('in'), uniqueName('out'), uniqueName('id')]
    await cluster.createTopic(source, 1)
    await cluster.createTopic(target, 1)
    const port = await cluster.port('producer')
    const producer = await producerOf(port, id)
    const offset = (at: number) => [{ topic: source, partition: 0, offset: at, metadata: 'm' }]
    const send = (through: RecordProducer, value: string): void =>
      through.send(target, null, clock.nowMs(), bytes('k'), bytes(value), noHeaders)
    for (let round = 1; round <= 10; round += 1) {
      send(producer, `committed ${round}`)
      await producer.commit(offset(round), outside(id))
      send(producer, `aborted ${round}`)
      await producer.flush()
      await producer.abort()
    }
    send(producer, 'zombie')
    await producer.flush()
    const successor = await producerOf(await cluster.port('successor'), id)
    await expect(producer.commit(offset(99), outside(id))).rejects.toMatchObject({ kind: 'fenced' })
    send(successor, 'committed by the successor')
    await successor.commit(offset(11), outside(id))

    const inputs = [{ topic: source, partition: 0 }]
    expect(await fetchCommittedOffsets(port, clock, id, inputs, timeout)).toEqual(offset(11))
    expect((await readToEnd(target)).values).toEqual([
      ...Array.from({ length: 10 }, (_, each) => `committed ${each + 1}`),
      'committed by the successor',
    ])
  })

  test('keeps the order of many records over many batches and partitions', async () => {
    const topic = uniqueName('many')
    await cluster.createTopic(topic, 4)
    const port = await cluster.port('producer')
    const producer = await producerOf(port, null)
    const count = 100_000
    for (let each = 0; each < count; each += 1) {
      producer.send(topic, each % 4, clock.nowMs(), null, bytes(`${each}`), noHeaders)
      if (producer.bufferedBytes > 4_000_000) await producer.drainTo(2_000_000)
    }
    await producer.flush()
    expect([0, 1, 2, 3].map((partition) => producer.endOffset(topic, partition))).toEqual(
      Array.from({ length: 4 }, () => count / 4),
    )
    const { values } = await readToEnd(topic)
    expect(values).toEqual(Array.from({ length: count / 4 }, (_, each) => `${4 * each}`))
    const partitions = [{ topic, partition: 3 }]
    expect(
      await listOffsetsRetrying(port, clock, partitions, 'latest', 'read_committed', timeout),
    ).toEqual(new Map([[`${topic}-3`, count / 4]]))
  })

  test('names a topic that does not exist', async () => {
    const producer = await producerOf(await cluster.port('producer'), null)
    const topic = uniqueName('nowhere')
    producer.send(topic, null, clock.nowMs(), null, null, noHeaders)
    await expect(producer.flush()).rejects.toMatchObject({
      code: 'TOPIC_MISSING',
      message: expect.stringContaining(topic),
    })
  })
})

test('two members of a real group share it, and one takes over when the other leaves', async () => {
  const groupId = uniqueName('group')
  const memberOf = async (name: string): Promise<GroupMembership> =>
    new GroupMembership({
      port: await cluster.port(name),
      clock,
      logger: silentLogger,
      groupId,
      instanceId: null,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 20_000,
      heartbeatIntervalMs: 200,
      protocolName: 'millrace',
      onEvent: () => {},
    })
  const byCount: Assign = async (members) =>
    new Map(members.map(({ memberId }) => [memberId, bytes(`one of ${members.length}`)]))
  const join = async (member: GroupMembership): Promise<string | null> =>
    text(await member.join(bytes('metadata'), byCount))
  const rebalancing = async (member: GroupMembership): Promise<void> => {
    while (member.state === 'stable') await clock.sleep(20)
    expect(member.state).toBe('rebalancing')
  }

  const [a, b] = [await memberOf('a'), await memberOf('b')]
  expect(await join(a)).toBe('one of 1')
  const joining = join(b)
  await rebalancing(a)
  expect(await Promise.all([join(a), joining])).toEqual(['one of 2', 'one of 2'])
  expect(a.member?.generation).toBe(b.member?.generation)
  await b.leave()
  await rebalancing(a)
  expect(await join(a)).toBe('one of 1')
  await a.leave()
})

test('topics are created once and compared afterwards', async () => {
  const port = await cluster.port('starter')
  const name = uniqueName('ensured')
  const spec = {
    name,
    partitions: 2,
    replicationFactor: -1,
    configs: { 'cleanup.policy': 'compact,delete', 'retention.ms': '60000' },
  }
  expect(await ensureTopics(port, clock, [spec])).toEqual({ created: [name], differences: [] })
  expect(await ensureTopics(port, clock, [spec])).toEqual({ created: [], differences: [] })
  expect(await ensureTopics(port, clock, [{ ...spec, partitions: 3 }])).toEqual({
    created: [],
    differences: [{ topic: name, what: 'partitions', wanted: 3, actual: 2 }],
  })
})
