import { describe, expect, test } from 'vitest'
import {
  bytes,
  endOffset,
  fetchOnce,
  leaderOf,
  readAll,
  refusalOf,
  retried,
  uniqueName,
  type ContractCluster,
} from './port.contract.kit.ts'
import { writePlain } from './port.contract.producers.ts'
import type { TopicSpec } from './port.ts'
import { topicPartitionKey } from '../core/topic-partition.ts'

const spec = (name: string, overrides: Partial<TopicSpec> = {}): TopicSpec => ({
  name,
  partitions: 1,
  replicationFactor: -1,
  configs: {},
  ...overrides,
})

export function topicsContract(open: () => Promise<ContractCluster>): void {
  createTopicsContract(open)
  existingTopicsContract(open)
  deleteRecordsContract(open)
}

function createTopicsContract(open: () => Promise<ContractCluster>): void {
  describe('creating topics', () => {
    test('a topic that was created has a leader for each partition', async () => {
      await using cluster = await open()
      const port = await cluster.port('admin')
      const topic = uniqueName('orders')
      await port.createTopics([spec(topic, { partitions: 3 })])

      const metadata = await retried(cluster.clock, () => port.metadata([topic]))
      const partitions = metadata.get(topic)?.partitions ?? []
      expect(partitions.map(({ id }) => id).toSorted((left, right) => left - right)).toEqual([
        0, 1, 2,
      ])
      expect(partitions.filter(({ leader }) => leader < 0)).toEqual([])
      expect((await port.metadata('all')).has(topic)).toBe(true)
    })

    test('a topic that exists is refused, the others of the request are created', async () => {
      await using cluster = await open()
      const port = await cluster.port('admin')
      const [old, fresh] = [uniqueName('old'), uniqueName('fresh')]
      await port.createTopics([spec(old)])

      expect(await refusalOf(port.createTopics([spec(old), spec(fresh)]))).toEqual({
        code: 'TOPIC_ALREADY_EXISTS',
        kind: 'fatal',
      })
      // Nobody waited for the leaders of a request that was refused.
      const leader = await retried(cluster.clock, () => leaderOf(port, fresh))
      expect(leader).toBeGreaterThanOrEqual(0)
    })

    test('a topic that does not exist is left out of metadata', async () => {
      await using cluster = await open()
      const port = await cluster.port('admin')
      const [known, unknown] = [uniqueName('known'), uniqueName('unknown')]
      await cluster.createTopic(known, 1)
      expect([...(await port.metadata([unknown, known])).keys()]).toEqual([known])
    })
  })
}

function existingTopicsContract(open: () => Promise<ContractCluster>): void {
  describe('topics', () => {
    test('settings are described, those of the topic and the defaults', async () => {
      await using cluster = await open()
      const port = await cluster.port('admin')
      const topic = uniqueName('changelog')
      await cluster.createTopic(topic, 1, { 'cleanup.policy': 'compact', 'retention.ms': '60000' })

      const configs = (await port.describeConfigs([topic])).get(topic)
      expect(configs).toMatchObject({
        'cleanup.policy': 'compact',
        'retention.ms': '60000',
        'message.timestamp.type': 'CreateTime',
      })
    })

    test('settings of a topic that does not exist cannot be described', async () => {
      await using cluster = await open()
      const port = await cluster.port('admin')
      expect(await refusalOf(port.describeConfigs([uniqueName('unknown')]))).toEqual({
        code: 'UNKNOWN_TOPIC_OR_PARTITION',
        kind: 'stale-metadata',
      })
    })

    test('a deleted topic is gone', async () => {
      await using cluster = await open()
      const port = await cluster.port('admin')
      const topic = uniqueName('short-lived')
      await cluster.createTopic(topic, 1)
      await port.deleteTopics([topic])

      for (let look = 0; look < 50 && (await port.metadata([topic])).size > 0; look += 1) {
        await cluster.clock.sleep(50)
      }
      expect((await port.metadata([topic])).size).toBe(0)
      expect(await refusalOf(port.deleteTopics([topic]))).toEqual({
        code: 'UNKNOWN_TOPIC_OR_PARTITION',
        kind: 'stale-metadata',
      })
    })

    test('a topic that is deleted and created again is another one', async () => {
      await using cluster = await open()
      const port = await cluster.port('admin')
      const topic = uniqueName('changelog')
      const create = async (): Promise<string> => {
        // A topic is deleted a moment before its name is free.
        await retried(cluster.clock, () => port.createTopics([spec(topic)]))
        return (await port.metadata([topic])).get(topic)?.id ?? ''
      }
      const first = await create()
      expect(first).not.toBe('')
      await port.deleteTopicsById([first])
      const second = await create()
      expect(second).not.toBe(first)
      expect(await refusalOf(port.deleteTopicsById([first]))).toEqual({
        code: 'UNKNOWN_TOPIC_ID',
        kind: 'stale-metadata',
      })
      expect((await port.metadata([topic])).get(topic)?.id).toBe(second)
    })
  })
}

function deleteRecordsContract(open: () => Promise<ContractCluster>): void {
  describe('deleting records', () => {
    test('moves the start of the partition, also into the middle of a batch', async () => {
      await using cluster = await open()
      const { clock } = cluster
      const port = await cluster.port('admin')
      const topic = uniqueName('repartition')
      await cluster.createTopic(topic, 1)
      await writePlain({ port, clock }, topic, ['a', 'b', 'c'])
      await writePlain({ port, clock }, topic, ['d'])

      await port.deleteRecords([{ topic, partition: 0, before: 2 }])

      const earliest = await port.listOffsets(
        [{ topic, partition: 0 }],
        'earliest',
        'read_committed',
      )
      expect(earliest).toEqual(new Map([[topicPartitionKey(topic, 0), 2]]))
      expect((await readAll(port, topic, { from: 2 })).values).toEqual(['c', 'd'])
      expect((await fetchOnce(port, topic, 2)).logStartOffset).toBe(2)
      expect(await refusalOf(fetchOnce(port, topic, 1))).toEqual({
        code: 'OFFSET_OUT_OF_RANGE',
        kind: 'fatal',
      })
    })

    test('up to the end leaves a partition that goes on where it was', async () => {
      await using cluster = await open()
      const { clock } = cluster
      const port = await cluster.port('admin')
      const topic = uniqueName('repartition')
      await cluster.createTopic(topic, 1)
      await writePlain({ port, clock }, topic, [{ key: null, value: bytes('a') }])
      await port.deleteRecords([{ topic, partition: 0, before: 1 }])

      expect(await writePlain({ port, clock }, topic, ['b'])).toBe(1)
      expect(await endOffset(port, topic)).toBe(2)
    })

    test('behind the end is refused', async () => {
      await using cluster = await open()
      const port = await cluster.port('admin')
      const topic = uniqueName('repartition')
      await cluster.createTopic(topic, 1)
      expect(await refusalOf(port.deleteRecords([{ topic, partition: 0, before: 5 }]))).toEqual({
        code: 'OFFSET_OUT_OF_RANGE',
        kind: 'fatal',
      })
    })
  })
}
