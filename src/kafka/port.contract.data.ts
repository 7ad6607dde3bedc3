import { describe, expect, test } from 'vitest'
import type { Headers } from '../core/record.ts'
import { topicPartitionKey } from '../core/topic-partition.ts'
import {
  batchesOf,
  bytes,
  endOffset,
  fetchOnce,
  leaderOf,
  readAll,
  refusalOf,
  retried,
  text,
  uniqueName,
  type ContractCluster,
} from './port.contract.kit.ts'
import { batchOf, produceBatch, writePlain } from './port.contract.producers.ts'
import type { Compression, KafkaPort } from './port.ts'

const compressions: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

async function openWithTopic(
  open: () => Promise<ContractCluster>,
  configs: Readonly<Record<string, string>> = {},
  partitions = 1,
) {
  const cluster = await open()
  const topic = uniqueName('data')
  await cluster.createTopic(topic, partitions, configs)
  const { clock } = cluster
  const port = await cluster.port('client')
  return {
    cluster,
    clock,
    port,
    topic,
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

export function dataContract(open: () => Promise<ContractCluster>): void {
  recordsContract(open)
  refusedBatchesContract(open)
  leadersContract(open)
  fetchingContract(open)
  listOffsetsContract(open)
  idempotenceContract(open)
}

function recordsContract(open: () => Promise<ContractCluster>): void {
  describe('records', () => {
    test('come back as they were written', async () => {
      await using at = await openWithTopic(open)
      const headers: Headers = [
        ['null', null],
        ['empty', bytes('')],
        ['twice', bytes('1')],
        ['twice', bytes('2')],
      ]
      const timestampMs = at.clock.nowMs() - 5_000
      await writePlain(at, at.topic, [
        { key: bytes('key'), value: bytes('value'), headers, timestampMs },
        { key: null, value: null, timestampMs: timestampMs + 1 },
        { key: bytes(''), value: bytes(''), timestampMs: timestampMs - 1 },
      ])

      const { records } = await readAll(at.port, at.topic)
      expect(records.map((each) => ({ ...each, ...readable(each) }))).toEqual([
        {
          offset: 0,
          timestampMs,
          key: 'key',
          value: 'value',
          headers: [
            ['null', null],
            ['empty', ''],
            ['twice', '1'],
            ['twice', '2'],
          ],
        },
        { offset: 1, timestampMs: timestampMs + 1, key: null, value: null, headers: [] },
        { offset: 2, timestampMs: timestampMs - 1, key: '', value: '', headers: [] },
      ])
    })

    test.each(compressions)('come back when they were compressed with %s', async (compression) => {
      await using at = await openWithTopic(open)
      const values = Array.from({ length: 50 }, (_, each) => `${each} ${'y'.repeat(100)}`)
      await writePlain(at, at.topic, values, { compression })
      await writePlain(at, at.topic, ['after'], { compression: 'none' })
      expect((await readAll(at.port, at.topic)).values).toEqual([...values, 'after'])
    })

    test('have the time of the broker in a topic with LogAppendTime', async () => {
      await using at = await openWithTopic(open, { 'message.timestamp.type': 'LogAppendTime' })
      const beforeMs = at.clock.nowMs()
      const longAgo = { value: bytes('old'), timestampMs: 1_000_000_000_000 }
      await writePlain(at, at.topic, [longAgo, longAgo])

      const [first, second] = (await readAll(at.port, at.topic)).records
      expect(first?.timestampMs).toBeGreaterThanOrEqual(beforeMs - 1_000)
      expect(second?.timestampMs).toBe(first?.timestampMs)
    })
  })
}

function refusedBatchesContract(open: () => Promise<ContractCluster>): void {
  describe('a topic', () => {
    test('refuses a batch larger than it takes, and keeps nothing of it', async () => {
      await using at = await openWithTopic(open, { 'max.message.bytes': '10000' })
      const large = batchOf(['x'.repeat(20_000)], at.clock.nowMs())
      expect(await refusalOf(produceBatch(at.port, at.topic, large))).toEqual({
        code: 'MESSAGE_TOO_LARGE',
        kind: 'fatal',
      })
      expect(await endOffset(at.port, at.topic)).toBe(0)
    })

    test('refuses a batch that was damaged on the way', async () => {
      await using at = await openWithTopic(open)
      const batch = batchOf(['whole'], at.clock.nowMs())
      batch[batch.length - 2]! ^= 0xff
      expect(await refusalOf(produceBatch(at.port, at.topic, batch))).toMatchObject({
        code: 'CORRUPT_MESSAGE',
      })
      expect(await endOffset(at.port, at.topic)).toBe(0)
    })

    test('that is compacted refuses records without a key', async () => {
      await using at = await openWithTopic(open, { 'cleanup.policy': 'compact' })
      const batch = batchOf([{ key: null, value: bytes('lost') }], at.clock.nowMs())
      expect(await refusalOf(produceBatch(at.port, at.topic, batch))).toEqual({
        code: 'INVALID_RECORD',
        kind: 'fatal',
      })
    })
  })
}

function leadersContract(open: () => Promise<ContractCluster>): void {
  describe('a broker', () => {
    test('answers for each partition of a request on its own', async () => {
      await using at = await openWithTopic(open)
      const leader = await leaderOf(at.port, at.topic)
      const unknown = uniqueName('unknown')
      const batch = batchOf(['a'], at.clock.nowMs())
      const produced = await at.port.produce(
        leader,
        [
          { topic: at.topic, partition: 0, batch },
          { topic: unknown, partition: 0, batch },
        ],
        { transactionalId: null, acks: -1, timeoutMs: 5_000 },
      )
      expect(
        produced.map(({ topic, baseOffset, error }) => [topic, baseOffset, error?.kind ?? null]),
      ).toEqual([
        [at.topic, 0, null],
        [unknown, -1, 'stale-metadata'],
      ])
    })

    test('that does not lead a partition says so', async ({ skip }) => {
      await using at = await openWithTopic(open)
      if (at.cluster.brokers < 2) skip('there is no second broker to ask')
      const topic = uniqueName('unreplicated')
      // A follower would answer a fetch (KIP-392).
      await at.port.createTopics([
        { name: topic, partitions: 1, replicationFactor: 1, configs: {} },
      ])
      const leader = await retried(at.clock, () => leaderOf(at.port, topic))
      const other = leader === 1 ? 2 : 1
      const batch = batchOf(['a'], at.clock.nowMs())
      const [produced] = await at.port.produce(other, [{ topic, partition: 0, batch }], {
        transactionalId: null,
        acks: -1,
        timeoutMs: 5_000,
      })
      const [fetched] = await at.port.fetch(
        other,
        [{ topic, partition: 0, offset: 0, maxBytes: 1_000 }],
        { isolation: 'read_committed', maxWaitMs: 100, minBytes: 1, maxBytes: 1_000 },
      )
      const wrong = { code: 'NOT_LEADER_OR_FOLLOWER', kind: 'stale-metadata' }
      expect([produced?.error, fetched?.error]).toMatchObject([wrong, wrong])
    })
  })
}

function fetchingContract(open: () => Promise<ContractCluster>): void {
  describe('fetching', () => {
    test('without data answers with nothing when the wait is over', async () => {
      await using at = await openWithTopic(open)
      const startMs = at.clock.nowMs()
      const fetched = await fetchOnce(at.port, at.topic, 0, { maxWaitMs: 300 })
      expect(fetched).toMatchObject({ highWatermark: 0, lastStableOffset: 0, aborted: [] })
      expect(fetched.batches.length).toBe(0)
      expect(at.clock.nowMs() - startMs).toBeGreaterThanOrEqual(250)
    })

    test('answers as soon as data arrives', async () => {
      await using at = await openWithTopic(open)
      const startMs = at.clock.nowMs()
      const waiting = fetchOnce(at.port, at.topic, 0, { maxWaitMs: 20_000 })
      await at.clock.sleep(200)
      const writer = await at.cluster.port('writer')
      await writePlain({ port: writer, clock: at.clock }, at.topic, ['at last'])

      expect(batchesOf(await waiting).length).toBe(1)
      expect(at.clock.nowMs() - startMs).toBeLessThan(10_000)
    })

    test('from within a batch returns the whole batch', async () => {
      await using at = await openWithTopic(open)
      await writePlain(at, at.topic, ['a', 'b', 'c'])
      const [batch] = batchesOf(await fetchOnce(at.port, at.topic, 2))
      expect(batch?.records.map(({ offset }) => offset)).toEqual([0, 1, 2])
      expect((await readAll(at.port, at.topic, { from: 2 })).values).toEqual(['c'])
    })

    test('returns one whole batch even when it is larger than was asked for', async () => {
      await using at = await openWithTopic(open)
      await writePlain(at, at.topic, ['x'.repeat(50_000)])
      await writePlain(at, at.topic, ['y'.repeat(50_000)])
      const fetched = await fetchOnce(at.port, at.topic, 0, { maxBytes: 1_000 })
      expect(batchesOf(fetched).map(({ baseOffset }) => baseOffset)).toEqual([0])
    })

    test('at the end of the log waits, behind it is refused', async () => {
      await using at = await openWithTopic(open)
      await writePlain(at, at.topic, ['a'])
      expect((await fetchOnce(at.port, at.topic, 1, { maxWaitMs: 50 })).batches.length).toBe(0)
      expect(await refusalOf(fetchOnce(at.port, at.topic, 2))).toEqual({
        code: 'OFFSET_OUT_OF_RANGE',
        kind: 'fatal',
      })
    })
  })
}

function listOffsetsContract(open: () => Promise<ContractCluster>): void {
  describe('listing offsets', () => {
    const list = async (port: KafkaPort, topic: string, at: 'earliest' | 'latest' | number) =>
      (await port.listOffsets([{ topic, partition: 0 }], at, 'read_committed')).get(
        topicPartitionKey(topic, 0),
      )

    test('gives both ends, of an empty partition too', async () => {
      await using at = await openWithTopic(open, {}, 2)
      await writePlain(at, at.topic, ['a', 'b'])
      const partitions = [
        { topic: at.topic, partition: 0 },
        { topic: at.topic, partition: 1 },
      ]
      const [first, second] = partitions.map(({ topic, partition }) =>
        topicPartitionKey(topic, partition),
      ) as [string, string]
      expect(await at.port.listOffsets(partitions, 'earliest', 'read_committed')).toEqual(
        new Map([
          [first, 0],
          [second, 0],
        ]),
      )
      expect(await at.port.listOffsets(partitions, 'latest', 'read_committed')).toEqual(
        new Map([
          [first, 2],
          [second, 0],
        ]),
      )
    })

    test('gives the first record at or after a time, or none', async () => {
      await using at = await openWithTopic(open)
      const startMs = at.clock.nowMs() - 100_000
      const timed = (after: number) => ({ value: bytes('x'), timestampMs: startMs + after })
      await writePlain(at, at.topic, [timed(0), timed(10), timed(20)])
      await writePlain(at, at.topic, [timed(5), timed(30)])

      expect(await list(at.port, at.topic, startMs - 1)).toBe(0)
      expect(await list(at.port, at.topic, startMs + 10)).toBe(1)
      expect(await list(at.port, at.topic, startMs + 21)).toBe(4)
      expect(await list(at.port, at.topic, startMs + 31)).toBeNull()
    })

    test('of a topic that does not exist is refused', async () => {
      await using at = await openWithTopic(open)
      expect(await refusalOf(list(at.port, uniqueName('unknown'), 'latest'))).toMatchObject({
        kind: 'stale-metadata',
      })
    })
  })
}

function idempotenceContract(open: () => Promise<ContractCluster>): void {
  describe('an idempotent producer', () => {
    test('that repeats a batch after a lost answer has written it once', async () => {
      await using at = await openWithTopic(open)
      const producer = await retried(at.clock, () => at.port.initProducerId(null, 60_000))
      const batches = ['a', 'b', 'c', 'd', 'e'].map((value, baseSequence) =>
        batchOf([value], at.clock.nowMs(), { producer, baseSequence }),
      )
      for (const batch of batches) await produceBatch(at.port, at.topic, batch)
      const repeated: number[] = []
      for (const batch of batches) repeated.push(await produceBatch(at.port, at.topic, batch))

      expect(repeated.map((offset, each) => offset === each || offset === -1)).not.toContain(false)
      expect((await readAll(at.port, at.topic)).values).toEqual(['a', 'b', 'c', 'd', 'e'])
    })

    test('that leaves a batch out is refused', async () => {
      await using at = await openWithTopic(open)
      const producer = await retried(at.clock, () => at.port.initProducerId(null, 60_000))
      const send = (value: string, baseSequence: number) =>
        produceBatch(
          at.port,
          at.topic,
          batchOf([value], at.clock.nowMs(), { producer, baseSequence }),
        )
      await send('first', 0)
      expect(await refusalOf(send('third', 2))).toEqual({
        code: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
        kind: 'abortable',
      })
      await send('second', 1)
      expect((await readAll(at.port, at.topic)).values).toEqual(['first', 'second'])
    })
  })
}

const readable = (record: {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Headers
}) => ({
  key: text(record.key),
  value: text(record.value),
  headers: record.headers.map(([name, value]) => [name, text(value)]),
})
