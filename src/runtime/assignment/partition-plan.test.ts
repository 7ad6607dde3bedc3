import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../core/manual-clock.ts'
import { SimulatedCluster } from '../../kafka/memory/simulated-cluster.ts'
import type { TopicMetadata } from '../../kafka/port.ts'
import type { Topology } from '../../topology/topology.ts'
import { planPartitions, readPartitionPlan, type PartitionPlan } from './partition-plan.ts'
import { testTopology } from './test-topology.ts'

const cluster = (topics: Readonly<Record<string, number>>): ReadonlyMap<string, TopicMetadata> =>
  new Map(
    Object.entries(topics).map(([name, partitions]) => [
      name,
      { id: name, partitions: Array.from({ length: partitions }, (_, id) => ({ id, leader: 1 })) },
    ]),
  )

const plan = (topology: Topology, topics: Readonly<Record<string, number>>): PartitionPlan =>
  planPartitions(topology, 'shop', cluster(topics))

/** `0_1: orders-1 payments-1`, one line a task. */
const taskLines = ({ tasks }: PartitionPlan): readonly string[] =>
  tasks.map(
    ({ id, sources }) =>
      `${id}: ${sources.map(({ topic, partition }) => `${topic}-${partition}`).join(' ')}`,
  )

const countsOf = ({ repartitions }: PartitionPlan): Readonly<Record<string, number>> =>
  Object.fromEntries(repartitions.map(({ topic, partitions }) => [topic, partitions]))

describe('tasks', () => {
  test('a join has a task for each partition, and each task reads that partition of both topics', () => {
    const join = testTopology((graph) => {
      graph.keep('order-payment', [graph.read('orders'), graph.read('payments')])
    })
    expect(plan(join, { orders: 2, payments: 2, other: 9 })).toEqual({
      tasks: [
        {
          id: '0_0',
          subTopology: 0,
          partition: 0,
          sources: [
            { topic: 'orders', partition: 0 },
            { topic: 'payments', partition: 0 },
          ],
          stateful: true,
          logged: true,
        },
        {
          id: '0_1',
          subTopology: 0,
          partition: 1,
          sources: [
            { topic: 'orders', partition: 1 },
            { topic: 'payments', partition: 1 },
          ],
          stateful: true,
          logged: true,
        },
      ],
      sourceTopics: ['orders', 'payments'],
      repartitions: [],
      changelogs: [
        {
          topic: 'shop-order-payment-changelog',
          store: 'order-payment',
          subTopology: 0,
          partitions: 2,
          configs: { 'cleanup.policy': 'compact', 'message.timestamp.type': 'CreateTime' },
        },
      ],
    })
  })

  test('a task beyond the end of a smaller topic reads the larger one alone', () => {
    const together = testTopology((graph) => {
      const [orders, payments] = [graph.read('orders'), graph.read(/^payments/)]
      graph.keep('both', [orders, payments])
    })
    expect(taskLines(plan(together, { orders: 1, payments: 2 }))).toEqual([
      '0_0: orders-0 payments-0',
      '0_1: payments-1',
    ])
  })

  test('only a sub-topology with stores is stateful, and only logged stores have changelogs', () => {
    const topology = testTopology((graph) => {
      graph.keep('cache', [graph.read('orders')], { logged: false })
      graph.read('payments')
    })
    const { tasks, changelogs } = plan(topology, { orders: 1, payments: 1 })
    expect(tasks.map(({ id, stateful }) => [id, stateful])).toEqual([
      ['0_0', true],
      ['1_0', false],
    ])
    expect(changelogs).toEqual([])
  })

  test('a changelog takes the settings that its store declares', () => {
    const topology = testTopology((graph) => {
      graph.keep('sessions', [graph.read('clicks')], {
        changelogConfigs: { 'cleanup.policy': 'compact,delete', 'retention.ms': '86400000' },
      })
    })
    expect(plan(topology, { clicks: 3 }).changelogs).toEqual([
      {
        topic: 'shop-sessions-changelog',
        store: 'sessions',
        subTopology: 0,
        partitions: 3,
        configs: {
          'cleanup.policy': 'compact,delete',
          'message.timestamp.type': 'CreateTime',
          'retention.ms': '86400000',
        },
      },
    ])
  })
})

describe('missing topics', () => {
  test('every missing source topic is named, with the command that creates them', () => {
    const topology = testTopology((graph) => {
      graph.keep('both', [graph.read('orders'), graph.read('payments')])
      graph.read('clicks')
    })
    expect(() => plan(topology, { payments: 1 })).toThrow(
      expect.objectContaining({
        code: 'TOPIC_MISSING',
        message: 'source topics "orders", "clicks" do not exist',
        hint: expect.stringContaining('millrace topic create orders clicks --partitions') as string,
      }),
    )
  })

  test('a topic that was just created is looked for again before it counts as missing', async () => {
    const topology = testTopology((graph) => void graph.read('orders'))
    const clock = new ManualClock(0)
    using kafka = new SimulatedCluster({ clock })
    const port = kafka.port('thread')
    const deps = { port, clock, topology, applicationId: 'shop' }
    kafka.faults.onRequest(({ api }) => api === 'metadata', {
      after: () => {
        if (clock.nowMs() === 600) kafka.createTopic('orders', 1)
        return undefined
      },
    })
    const found = await clock.run(async () => {
      await port.connect()
      return await readPartitionPlan(deps)
    })
    expect(taskLines(found)).toEqual(['0_0: orders-0'])
    expect(clock.nowMs()).toBe(900)
  })

  test('a topic that stays away is given up after a second or so', async () => {
    const topology = testTopology((graph) => void graph.read('orders'))
    const clock = new ManualClock(0)
    using kafka = new SimulatedCluster({ clock })
    const port = kafka.port('thread')
    const failure = clock.run(async () => {
      await port.connect()
      return await readPartitionPlan({ port, clock, topology, applicationId: 'shop' })
    })
    await expect(failure).rejects.toMatchObject({
      code: 'TOPIC_MISSING',
      message: 'source topic "orders" does not exist',
    })
    expect(clock.nowMs()).toBe(1_200)
  })
})

describe('co-partitioned topics', () => {
  test('with different counts are refused, both named with their counts', () => {
    const join = testTopology((graph) => {
      graph.keep('order-payment', [graph.read('orders'), graph.read('payments')])
    })
    expect(() => plan(join, { orders: 4, payments: 3 })).toThrow(
      expect.objectContaining({
        code: 'TOPIC_MISMATCHED',
        message:
          'topics "orders" and "payments" meet in a store or join and must have equally many partitions, but have 4 and 3',
      }),
    )
  })

  test('a repartition topic takes the count of the topic that it is joined with', () => {
    const join = testTopology((graph) => {
      const byCustomer = graph.repartition(graph.read('orders'), 'orders-by-customer')
      graph.keep('order-customer', [byCustomer, graph.read('customers')])
    })
    expect(countsOf(plan(join, { orders: 12, customers: 3 }))).toEqual({
      'shop-orders-by-customer-repartition': 3,
    })
  })

  test('a repartition topic with a given count must have that of the topic it is joined with', () => {
    const join = testTopology((graph) => {
      const byCustomer = graph.repartition(graph.read('orders'), 'orders-by-customer', 5)
      graph.keep('order-customer', [byCustomer, graph.read('customers')])
    })
    expect(() => plan(join, { orders: 12, customers: 3 })).toThrow(
      expect.objectContaining({
        code: 'TOPIC_MISMATCHED',
        message:
          'topics "shop-orders-by-customer-repartition" and "customers" meet in a store or join and must have equally many partitions, but have 5 and 3',
      }),
    )
  })

  test('repartition topics that are joined take the count of the one that was given, or the largest upstream', () => {
    const join = (given?: number): Topology =>
      testTopology((graph) => {
        const left = graph.repartition(graph.read('orders'), 'left', given)
        const right = graph.repartition(graph.read('payments'), 'right')
        graph.keep('joined', [left, right])
      })
    const topics = { orders: 4, payments: 6 }
    expect(countsOf(plan(join(3), topics))).toEqual({
      'shop-left-repartition': 3,
      'shop-right-repartition': 3,
    })
    expect(countsOf(plan(join(), topics))).toEqual({
      'shop-left-repartition': 6,
      'shop-right-repartition': 6,
    })
  })
})

describe('repartition topics', () => {
  test('have the given count, else that of the largest source upstream, through chains', () => {
    const chain = testTopology((graph) => {
      const both = graph.keep('both', [graph.read('orders'), graph.read(/^payments/)])
      const first = graph.repartition(both, 'first')
      const second = graph.repartition(graph.keep('counted', [first]), 'second')
      const third = graph.repartition(second, 'third', 2)
      graph.repartition(third, 'fourth')
    })
    const planned = plan(chain, { orders: 4, 'payments-eu': 7 })
    expect(countsOf(planned)).toEqual({
      'shop-first-repartition': 7,
      'shop-second-repartition': 7,
      'shop-third-repartition': 2,
      'shop-fourth-repartition': 2,
    })
    expect(planned.changelogs.map(({ topic, partitions }) => [topic, partitions])).toEqual([
      ['shop-both-changelog', 7],
      ['shop-counted-changelog', 7],
    ])
  })

  test('follow a count that is known only from the far end of a join', () => {
    const topology = testTopology((graph) => {
      const left = graph.repartition(graph.read('orders'), 'left')
      graph.repartition(left, 'onward')
      graph.keep('joined', [left, graph.repartition(graph.read('payments'), 'right')])
    })
    expect(countsOf(plan(topology, { orders: 2, payments: 7 }))).toEqual({
      'shop-left-repartition': 7,
      'shop-onward-repartition': 7,
      'shop-right-repartition': 7,
    })
  })

  test('need somebody upstream to tell their count', () => {
    const topology = testTopology((graph) => {
      graph.repartition(graph.read(/^orders/), 'by-customer')
    })
    expect(() => plan(topology, { payments: 3 })).toThrow(
      expect.objectContaining({
        code: 'TOPIC_MISSING',
        message:
          'nothing tells how many partitions "shop-by-customer-repartition" should have: no topic exists upstream',
      }),
    )
  })
})

describe('patterns', () => {
  const all = testTopology((graph) => void graph.keep('seen', [graph.read(/^./g)]))

  test("read every topic that they match, but neither Kafka's own nor the application's internal ones", () => {
    const found = plan(all, {
      'shop-seen-changelog': 2,
      __consumer_offsets: 50,
      'shop-eu': 1,
      orders: 2,
      'shop-by-customer-repartition': 2,
    })
    expect(found.sourceTopics).toEqual(['orders', 'shop-eu'])
    expect(taskLines(found)).toEqual(['0_0: orders-0 shop-eu-0', '0_1: orders-1'])
  })

  test('that match nothing have nothing to do yet', () => {
    expect(plan(all, {})).toEqual({
      tasks: [],
      sourceTopics: [],
      repartitions: [],
      changelogs: [],
    })
  })

  test('that both match a topic are refused', () => {
    const topology = testTopology((graph) => {
      graph.read(/^orders/)
      graph.read(/eu$/)
    })
    expect(() => plan(topology, { 'orders-eu': 1 })).toThrow(
      expect.objectContaining({
        code: 'INVALID_TOPOLOGY',
        message: 'topic "orders-eu" is read by source(/^orders/) and by source(/eu$/)',
      }),
    )
  })
})
