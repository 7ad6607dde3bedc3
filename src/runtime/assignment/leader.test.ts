import { describe, expect, test } from 'vitest'
import { silentLogger } from '../../core/logger.ts'
import { ManualClock } from '../../core/manual-clock.ts'
import { noHeaders } from '../../core/record.ts'
import type { TaskId } from '../../core/task-id.ts'
import { SimulatedCluster } from '../../kafka/memory/simulated-cluster.ts'
import type { KafkaPort } from '../../kafka/port.ts'
import { BatchBuilder } from '../../kafka/wire/batch-builder.ts'
import { encodeSubscription } from '../../kafka/wire/consumer-protocol.ts'
import type { Topology } from '../../topology/topology.ts'
import { leaderAssignment, type LeaderOptions } from './leader.ts'
import {
  noAssignment,
  parseAssignment,
  subscriptionMetadata,
  type ParsedAssignment,
  type SubscriptionOptions,
} from './subscription.ts'
import { testTopology } from './test-topology.ts'

const shop = testTopology((graph) => {
  const byCustomer = graph.repartition(graph.read('orders'), 'by-customer')
  graph.keep('counts', [byCustomer])
})

const otherShop = testTopology((graph) => void graph.read('orders'))

interface Subscriber {
  readonly memberId: string
  readonly metadata: Uint8Array
}

const member = (
  memberId: string,
  owned: readonly TaskId[] = [],
  topology = shop,
  more: Partial<SubscriptionOptions> = {},
): Subscriber => ({
  memberId,
  metadata: subscriptionMetadata({
    topology,
    applicationId: 'shop',
    processId: memberId,
    threadIndex: 0,
    owned,
    stored: new Map(),
    ...more,
  }),
})

const nothing = noAssignment

const alone = {
  replicationFactor: -1,
  standbys: 0,
  maxWarmups: 2,
  acceptableLag: 10_000,
  threads: [],
  onGone: () => {},
}

/** What each member reads in the assignment that the leader made for it. */
type Lead = (...members: readonly Subscriber[]) => Promise<Record<string, ParsedAssignment>>

async function inAGroup(
  work: (lead: Lead, kafka: SimulatedCluster, port: KafkaPort, clock: ManualClock) => Promise<void>,
  topology: Topology = shop,
  fleet: Partial<LeaderOptions> = {},
): Promise<void> {
  const clock = new ManualClock(0)
  using kafka = new SimulatedCluster({ clock })
  const port = kafka.port('leader')
  const options = { port, clock, logger: silentLogger, topology, applicationId: 'shop' }
  const lead: Lead = async (...members) => {
    const assignments = await leaderAssignment({ ...options, ...alone, ...fleet }, members)
    return Object.fromEntries(
      [...assignments].map(([memberId, bytes]) => [memberId, parseAssignment(bytes)]),
    )
  }
  await clock.run(async () => {
    await port.connect()
    await work(lead, kafka, port, clock)
  })
}

describe('the leader of a group', () => {
  test('creates the internal topics and tells each member all about its tasks', () =>
    inAGroup(async (lead, kafka, port) => {
      kafka.createTopic('orders', 2)
      const counts = new Map([
        [0, 2],
        [1, 2],
      ])
      const repartition = 'shop-by-customer-repartition'
      expect(await lead(member('a'), member('b'))).toEqual({
        a: {
          ...nothing,
          counts,
          threads: ['a-0', 'b-0'],
          active: ['0_0', '1_0'],
          tasks: [
            { id: '0_0', sources: [{ topic: 'orders', partition: 0 }], partitions: 2 },
            { id: '1_0', sources: [{ topic: repartition, partition: 0 }], partitions: 2 },
          ],
        },
        b: {
          ...nothing,
          counts,
          threads: ['a-0', 'b-0'],
          active: ['0_1', '1_1'],
          tasks: [
            { id: '0_1', sources: [{ topic: 'orders', partition: 1 }], partitions: 2 },
            { id: '1_1', sources: [{ topic: repartition, partition: 1 }], partitions: 2 },
          ],
        },
      })
      expect([...(await port.metadata('all')).keys()].sort()).toEqual([
        'orders',
        repartition,
        'shop-counts-changelog',
      ])
    }))

  test('moves tasks to a newcomer in two rounds', () =>
    inAGroup(async (lead, kafka) => {
      kafka.createTopic('orders', 2)
      const first = await lead(member('a', ['0_0', '0_1', '1_0', '1_1']), member('b'))
      expect(first.a).toMatchObject({ active: ['0_0', '1_0'], rejoinAfterRevoke: true })
      expect(first.b).toMatchObject({ active: [], rejoinAfterRevoke: false, isUnsettled: true })
      const second = await lead(member('a', ['0_0', '1_0']), member('b'))
      expect(second.a).toMatchObject({ active: ['0_0', '1_0'], rejoinAfterRevoke: false })
      expect(second.b).toMatchObject({ active: ['0_1', '1_1'], rejoinAfterRevoke: false })
      expect(second.b?.isUnsettled).toBe(false)
    }))

  test('tells who is in the group, and notes who is not in it any more', async () => {
    const gone: (readonly string[])[] = []
    const threads = ['a-0', 'b-0', 'b-1'] as const
    const onGone = (names: readonly string[]): void => void gone.push(names)
    await inAGroup(
      async (lead, kafka) => {
        kafka.createTopic('orders', 2)
        const { a } = await lead(member('a'), member('c'))
        expect(a?.threads).toEqual(['a-0', 'c-0'])
        expect(gone).toEqual([['b-0', 'b-1']])
        // A stranger may be any of them.
        const other = await lead(member('a'), member('b', [], otherShop))
        expect(other.a?.threads).toEqual(['a-0', 'b-0', 'b-1'])
        expect(gone).toHaveLength(1)
      },
      shop,
      { threads, onGone },
    )
  })

  const changelog = 'shop-counts-changelog'
  const source = { topic: 'shop-by-customer-repartition', partition: 0 }
  const counting = { id: '1_0', sources: [source], partitions: 1 }
  const rows = (count: number): Uint8Array => {
    const batch = new BatchBuilder(256)
    for (let row = 0; row < count; row += 1) batch.append(0, Uint8Array.of(row), null, noHeaders)
    return batch.finish({
      producerId: -1,
      epoch: -1,
      baseSequence: -1,
      transactional: false,
      compression: 'none',
    })
  }

  test('has another process follow what one runs', () =>
    inAGroup(
      async (lead, kafka) => {
        kafka.createTopic('orders', 1)
        const { a, b } = await lead(member('a'), member('b'))
        expect([a?.active, b?.active]).toEqual([['1_0'], ['0_0']])
        expect([a?.standby, b?.standby, b?.warmUps]).toEqual([[], [counting], []])
      },
      shop,
      { standbys: 1 },
    ))

  test('has state warmed up before its task moves, as long as that takes', () =>
    inAGroup(
      async (lead, kafka) => {
        kafka.createTopic('orders', 1)
        await lead(member('a'))
        kafka.appendForeign(changelog, 0, rows(6))
        const owned = ['0_0', '1_0'] as const
        const first = await lead(member('a', owned), member('b'))
        expect(first.a).toMatchObject({ active: ['1_0'], rejoinAfterRevoke: true })
        // Without state there is nothing to wait for, so it is this one that moves.
        const second = await lead(member('a', ['1_0']), member('b', ['0_0']))
        expect(second.b).toMatchObject({ active: ['0_0'], standby: [] })
      },
      shop,
      { acceptableLag: 5 },
    ))

  test('moves what has state when it is within the acceptable lag, also when it cannot ask', () =>
    inAGroup(
      async (lead, kafka) => {
        kafka.createTopic('orders', 2)
        await lead(member('a'))
        for (const partition of [0, 1]) kafka.appendForeign(changelog, partition, rows(6))
        const owned = ['0_0', '0_1', '1_0', '1_1'] as const
        const { a, b } = await lead(member('a', owned), member('b'))
        expect(a?.active).toEqual(['0_0', '1_0', '1_1'])
        expect([b?.standby.map(({ id }) => id), b?.warmUps]).toEqual([['1_1'], ['1_1']])
        const near = { stored: new Map([['1_1', 1]] as const), standby: ['1_1'] as const }
        const later = await lead(member('a', owned.slice(0, 3)), member('b', [], shop, near))
        expect(later.b?.active).toContain('1_1')
        const far = { stored: new Map([['1_1', 0]] as const), standby: ['1_1'] as const }
        kafka.faults.refuse(({ api }) => api === 'listOffsets', 'TOPIC_AUTHORIZATION_FAILED', 2)
        const blind = await lead(member('a', owned.slice(0, 3)), member('b', [], shop, far))
        expect(blind.b?.active).toContain('1_1')
      },
      shop,
      { acceptableLag: 5 },
    ))

  test('does not wait long for a broker that does not answer', () =>
    inAGroup(
      async (lead, kafka, _port, clock) => {
        kafka.createTopic('orders', 2)
        await lead(member('a'))
        kafka.faults.delay(({ api }) => api === 'listOffsets', 60_000, 2)
        const beforeMs = clock.nowMs()
        const { a } = await lead(member('a', ['0_0', '0_1', '1_0', '1_1']), member('b'))
        expect(clock.nowMs() - beforeMs).toBeLessThan(5_000)
        expect(a?.active).toHaveLength(2)
      },
      shop,
      { acceptableLag: 5 },
    ))

  test('tells who answers queries, and what each process has', () =>
    inAGroup(
      async (lead, kafka) => {
        kafka.createTopic('orders', 1)
        const server = 'http://10.0.0.7:8080'
        const { a, b } = await lead(member('a', [], shop, { server }), member('b'))
        expect(a?.members).toEqual([
          { processId: 'a', server, active: ['1_0'], standby: [] },
          { processId: 'b', server: undefined, active: ['0_0'], standby: ['1_0'] },
        ])
        expect(b?.members).toEqual(a?.members)
      },
      shop,
      { standbys: 1 },
    ))

  test('tells every member which topics are missing', () =>
    inAGroup(async (lead) => {
      const error = expect.objectContaining({
        code: 'TOPIC_MISSING',
        message: 'source topic "orders" does not exist',
      }) as unknown
      expect(await lead(member('a', ['0_0']), member('b', [], otherShop))).toEqual({
        a: { ...nothing, error },
        b: { ...nothing, error },
      })
    }))

  test('tells every member that state would be lost after partitions were added', () =>
    inAGroup(async (lead, kafka) => {
      kafka.createTopic('orders', 2)
      kafka.createTopic('shop-counts-changelog', 1, { 'cleanup.policy': 'compact' })
      const { a, b } = await lead(member('a'), member('b'))
      expect(a?.error).toMatchObject({
        code: 'TOPIC_MISMATCHED',
        message: 'internal topic "shop-counts-changelog" has 1 partitions instead of 2',
      })
      expect(b).toEqual(a)
    }))

  test('gives nothing to a newcomer with another topology, and goes on with the others', () =>
    inAGroup(async (lead, kafka) => {
      kafka.createTopic('orders', 1)
      const { a, b } = await lead(member('a', ['0_0']), member('b', [], otherShop))
      expect(a?.active).toEqual(['0_0', '1_0'])
      expect(b).toMatchObject({
        active: [],
        error: {
          code: 'INVALID_TOPOLOGY',
          message: 'this instance has another topology than the instance that leads the group',
        },
      })
    }))

  test('starts nothing new until a member with another topology has stopped its tasks', () =>
    inAGroup(async (lead, kafka) => {
      kafka.createTopic('orders', 1)
      const { a, b } = await lead(member('a', ['0_0']), member('b', ['0_0'], otherShop))
      expect(a?.active).toEqual(['0_0'])
      expect(b?.error?.code).toBe('INVALID_TOPOLOGY')
    }))

  test('starts nothing new while it cannot read what a member runs', () =>
    inAGroup(async (lead, kafka) => {
      kafka.createTopic('orders', 1)
      const userData = new TextEncoder().encode('{"version":2}')
      const metadata = encodeSubscription({ topics: ['orders'], userData, owned: [] })
      const { a, b } = await lead(member('a'), { memberId: 'b', metadata })
      expect(a).toMatchObject({ active: [], rejoinAfterRevoke: false })
      expect(b?.error).toMatchObject({
        code: 'INVALID_CONFIG',
        message: 'the subscription of a group member has version 2, this one reads up to 1',
      })
    }))

  test('fails where it may not ask the cluster: another leader may do better', () =>
    inAGroup(async (lead, kafka) => {
      kafka.faults.refuse(({ api }) => api === 'metadata', 'TOPIC_AUTHORIZATION_FAILED')
      await expect(lead(member('a'))).rejects.toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED' })
    }))
})
