import { describe, expect, test } from 'vitest'
import type { Logger } from '../../core/logger.ts'
import { silentLogger } from '../../core/logger.ts'
import { ManualClock } from '../../core/manual-clock.ts'
import { SimulatedCluster } from '../../kafka/memory/simulated-cluster.ts'
import type { KafkaPort } from '../../kafka/port.ts'
import { ensureInternalTopics } from './internal-topics.ts'
import type { PartitionPlan } from './partition-plan.ts'

const counts = 'shop-counts-changelog'
const byCustomer = 'shop-by-customer-repartition'

const plan: PartitionPlan = {
  tasks: [],
  sourceTopics: [],
  repartitions: [{ topic: byCustomer, partitions: 3 }],
  changelogs: [
    {
      topic: counts,
      store: 'counts',
      subTopology: 0,
      partitions: 2,
      configs: { 'cleanup.policy': 'compact', 'message.timestamp.type': 'CreateTime' },
    },
  ],
}

const compacted = { 'cleanup.policy': 'compact', 'message.timestamp.type': 'CreateTime' }

interface World {
  readonly kafka: SimulatedCluster
  readonly port: KafkaPort
  readonly ensure: (port?: KafkaPort) => Promise<unknown>
  /** Warnings so far. */
  readonly warnings: object[]
}

async function onACluster(work: (world: World) => Promise<void>): Promise<void> {
  const clock = new ManualClock(0)
  using kafka = new SimulatedCluster({ clock })
  const warnings: object[] = []
  const logger: Logger = { ...silentLogger, warn: (fields) => warnings.push(fields) }
  const port = kafka.port('leader')
  await clock.run(async () => {
    await port.connect()
    const ensure = (by = port): Promise<unknown> =>
      ensureInternalTopics(by, clock, logger, plan, { replicationFactor: -1 })
    await work({ kafka, port, ensure, warnings })
  })
}

const topicsOf = async (port: KafkaPort): Promise<Readonly<Record<string, unknown>>> => {
  const metadata = await port.metadata('all')
  const configs = await port.describeConfigs([...metadata.keys()])
  return Object.fromEntries(
    [...metadata].map(([name, { partitions }]) => {
      const {
        'cleanup.policy': policy,
        'message.timestamp.type': time,
        'retention.ms': retention,
        'segment.bytes': segment,
      } = configs.get(name) ?? {}
      return [name, { partitions: partitions.length, policy, time, retention, segment }]
    }),
  )
}

describe('internal topics', () => {
  test('are created as Kafka Streams creates them', () =>
    onACluster(async ({ port, ensure, warnings }) => {
      await ensure()
      expect(await topicsOf(port)).toEqual({
        [counts]: {
          partitions: 2,
          policy: 'compact',
          time: 'CreateTime',
          retention: expect.anything() as unknown,
          segment: expect.anything() as unknown,
        },
        [byCustomer]: {
          partitions: 3,
          policy: 'delete',
          time: 'CreateTime',
          retention: '-1',
          segment: '52428800',
        },
      })
      await ensure()
      expect(warnings).toEqual([])
    }))

  test('are created once by several leaders at a time', () =>
    onACluster(async ({ kafka, port, ensure }) => {
      const other = kafka.port('other leader')
      await other.connect()
      await Promise.all([ensure(), ensure(other)])
      expect(Object.keys(await topicsOf(port))).toEqual([counts, byCustomer])
    }))

  test('are found when the answer to their creation was lost', () =>
    onACluster(async ({ kafka, port, ensure }) => {
      kafka.faults.loseReply(({ api }) => api === 'createTopics')
      await ensure()
      expect(Object.keys(await topicsOf(port))).toEqual([counts, byCustomer])
    }))

  test('with other partition counts are refused, all of them named', () =>
    onACluster(async ({ kafka, port, ensure }) => {
      kafka.createTopic(counts, 4, compacted)
      kafka.createTopic(byCustomer, 1)
      await expect(ensure()).rejects.toMatchObject({
        code: 'TOPIC_MISMATCHED',
        message: `internal topic "${counts}" has 4 partitions instead of 2, "${byCustomer}" has 1 partitions instead of 3`,
      })
      expect(await topicsOf(port)).toMatchObject({
        [counts]: { partitions: 4 },
        [byCustomer]: { partitions: 1 },
      })
    }))

  test.each(['delete', 'compact,delete'])(
    'a changelog with cleanup.policy=%s is refused: it forgets state',
    (policy) =>
      onACluster(async ({ kafka, ensure }) => {
        kafka.createTopic(counts, 2, { ...compacted, 'cleanup.policy': policy })
        await expect(ensure()).rejects.toMatchObject({
          code: 'TOPIC_MISMATCHED',
          message: `internal topic "${counts}" has cleanup.policy=${policy} instead of compact`,
          hint: `Records would be lost. Correct it: kafka-configs.sh --bootstrap-server <broker> --alter --topic ${counts} --add-config cleanup.policy=[compact]`,
        })
      }),
  )

  test('a compacted repartition topic is refused: it forgets records', () =>
    onACluster(async ({ kafka, ensure }) => {
      kafka.createTopic(byCustomer, 3, { 'cleanup.policy': 'compact' })
      await expect(ensure()).rejects.toMatchObject({
        code: 'TOPIC_MISMATCHED',
        message: `internal topic "${byCustomer}" has cleanup.policy=compact instead of delete`,
      })
    }))

  test('with other settings are used as they are, with a warning', () =>
    onACluster(async ({ kafka, port, ensure, warnings }) => {
      const settings = {
        'cleanup.policy': 'delete',
        'message.timestamp.type': 'CreateTime',
        'segment.bytes': '52428800',
        'retention.ms': '1000',
      }
      kafka.createTopic(byCustomer, 3, settings)
      await ensure()
      expect(warnings).toEqual([
        {
          differences: [
            {
              topic: byCustomer,
              what: 'config',
              name: 'retention.ms',
              wanted: '-1',
              actual: '1000',
            },
          ],
        },
      ])
      expect(await topicsOf(port)).toMatchObject({ [byCustomer]: { retention: '1000' } })
    }))
})
