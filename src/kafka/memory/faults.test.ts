import { describe, expect, test } from 'vitest'
import { batchesOf, fetchOnce, leaderOf, refusalOf } from '../port.contract.kit.ts'
import {
  batchOf,
  outsider,
  produceBatch,
  TestProducer,
  writePlain,
} from '../port.contract.producers.ts'
import type { Api } from './requests.ts'
import type { Where } from './faults.ts'
import type { SimulatedClusterOptions } from './simulated-cluster.ts'
import { openSimulated } from './simulation.fixture.ts'

const of =
  (api: Api): Where =>
  (request) =>
    request.api === api

const network = { code: 'NETWORK', kind: 'network' }

async function openWithTopic(options: Omit<SimulatedClusterOptions, 'clock'> = {}) {
  const at = await openSimulated(options)
  await at.createTopic('orders', 1)
  const port = await at.port('client')
  const { cluster, clock } = at
  const send = (value: string) => produceBatch(port, 'orders', batchOf([value], clock.nowMs()))
  const values = (isolation: 'read_committed' | 'read_uncommitted' = 'read_committed') =>
    cluster.records('orders', 0, isolation).map(({ value }) => String(value))
  const { faults } = cluster
  return { ...at, connect: at.port, port, faults, send, values }
}

describe('an answer or a request that is lost', () => {
  test('a lost answer leaves the effect', async () => {
    await using at = await openWithTopic()
    at.faults.loseReply(of('produce'))
    expect(await refusalOf(at.send('written'))).toEqual(network)
    expect(await refusalOf(at.send('and then'))).toBe('accepted')
    expect(at.values()).toEqual(['written', 'and then'])
  })

  test('a lost request leaves nothing', async () => {
    await using at = await openWithTopic()
    at.faults.loseRequest(of('produce'), 2)
    expect(await refusalOf(at.send('one'))).toEqual(network)
    expect(await refusalOf(at.send('two'))).toEqual(network)
    await at.send('three')
    expect(at.values()).toEqual(['three'])
  })

  test('an order can be aimed at one client and taken back', async () => {
    await using at = await openWithTopic()
    const other = await at.connect('other')
    const cancel = at.faults.loseReply(({ clientId }) => clientId === 'other', Infinity)
    expect(await refusalOf(other.metadata('all'))).toEqual(network)
    expect(await refusalOf(at.port.metadata('all'))).toBe('accepted')
    cancel()
    expect(await refusalOf(other.metadata('all'))).toBe('accepted')
  })

  test('a join whose answer is lost leaves a member behind until its session is over', async () => {
    await using at = await openWithTopic()
    at.faults.loseReply(of('joinGroup'))
    const joining = at.port.joinGroup({
      groupId: 'group',
      memberId: '',
      instanceId: null,
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 6_000,
      protocolType: 'consumer',
      protocols: [{ name: 'sticky', metadata: new Uint8Array(0) }],
    })
    expect(await refusalOf(joining)).toEqual(network)
    expect(at.cluster.groupState('group')?.members.length).toBe(1)
    await at.clock.sleep(7_000)
    expect(at.cluster.groupState('group')).toMatchObject({ state: 'Empty', members: [] })
  })
})

describe('an answer that was ordered', () => {
  test('is given as often as asked, for each partition of a produce', async () => {
    await using at = await openWithTopic()
    at.faults.refuse(of('produce'), 'NOT_LEADER_OR_FOLLOWER', 2)
    const refused = { code: 'NOT_LEADER_OR_FOLLOWER', kind: 'stale-metadata' }
    expect(await refusalOf(at.send('one'))).toEqual(refused)
    expect(await refusalOf(at.send('two'))).toEqual(refused)
    await at.send('three')
    expect(at.values()).toEqual(['three'])
  })

  test('is given for each partition of a fetch', async () => {
    await using at = await openWithTopic()
    at.faults.refuse(of('fetch'), 'OFFSET_OUT_OF_RANGE')
    expect(await refusalOf(fetchOnce(at.port, 'orders', 0))).toEqual({
      code: 'OFFSET_OUT_OF_RANGE',
      kind: 'fatal',
    })
  })

  test('must be one that Kafka gives', async () => {
    await using at = await openWithTopic()
    expect(() => at.faults.refuse(of('fetch'), 'OUT_OF_TEA')).toThrow('OUT_OF_TEA')
  })
})

describe('a request that is late', () => {
  test('is overtaken by those sent after it', async () => {
    await using at = await openWithTopic()
    at.faults.delay(of('produce'), 500)
    const first = at.send('sent first')
    await at.clock.sleep(1)
    await at.send('sent second')
    await first
    expect(at.values()).toEqual(['sent second', 'sent first'])
  })

  test('arrives although its sender gave it up', async () => {
    await using at = await openWithTopic()
    at.faults.deliverLate(of('produce'), 500)
    expect(await refusalOf(at.send('given up'))).toEqual(network)
    expect(at.values()).toEqual([])
    await at.clock.sleep(1_000)
    expect(at.values()).toEqual(['given up'])
  })

  test('arrives even from a process that has died since', async () => {
    await using at = await openWithTopic()
    at.faults.deliverLate(of('produce'), 500)
    expect(await refusalOf(at.send('last words'))).toEqual(network)
    at.faults.kill('client')
    await at.clock.sleep(1_000)
    expect(at.values()).toEqual(['last words'])
  })

  test('a late commit ends a later transaction of version 1 whose producer went on', async () => {
    await using at = await openWithTopic({ transactionVersion: 1 })
    const producer = await TestProducer.open(at, 'app')
    await producer.send('orders', ['first'])
    at.faults.deliverLate(of('endTxn'), 500)
    expect(await refusalOf(at.port.endTxn('app', producer.identity, 'commit'))).toEqual(network)
    await producer.abort()
    await producer.send('orders', ['second, not to be committed'])
    await at.clock.sleep(1_000)
    expect(at.values()).toEqual(['second, not to be committed'])
  })

  test('a late commit leaves a later transaction of version 2 alone', async () => {
    await using at = await openWithTopic()
    const producer = await TestProducer.open(at, 'app')
    await producer.send('orders', ['first'])
    at.faults.deliverLate(of('endTxn'), 500)
    expect(await refusalOf(at.port.endTxn('app', producer.identity, 'commit'))).toEqual(network)
    await producer.abort()
    await producer.send('orders', ['second, not to be committed'])
    await at.clock.sleep(1_000)
    expect(at.values()).toEqual([])
    expect(at.cluster.transactionState('app')?.state).toBe('Ongoing')
  })
})

describe('a request that arrives twice', () => {
  test('writes a plain batch twice', async () => {
    await using at = await openWithTopic()
    at.faults.duplicate(of('produce'))
    await at.send('twice')
    await at.clock.sleep(1)
    expect(at.values()).toEqual(['twice', 'twice'])
  })

  test('writes the batch of an idempotent producer once', async () => {
    await using at = await openWithTopic()
    const producer = await at.port.initProducerId(null, 60_000)
    at.faults.duplicate(of('produce'), 100, 3)
    for (const [baseSequence, value] of ['a', 'b', 'c'].entries()) {
      const batch = batchOf([value], at.clock.nowMs(), { producer, baseSequence })
      await produceBatch(at.port, 'orders', batch)
    }
    await at.clock.sleep(1_000)
    expect(at.values()).toEqual(['a', 'b', 'c'])
  })
})

describe('leaders and coordinators that move', () => {
  test('who asks the old leader is told so, also in the middle of a wait', async () => {
    await using at = await openWithTopic({ brokers: 2 })
    const before = await leaderOf(at.port, 'orders')
    const waiting = refusalOf(fetchOnce(at.port, 'orders', 0, { maxWaitMs: 60_000 }))
    await at.clock.sleep(10)
    at.faults.moveLeader({ topic: 'orders', partition: 0 })
    const wrong = { code: 'NOT_LEADER_OR_FOLLOWER', kind: 'stale-metadata' }
    expect(await waiting).toEqual(wrong)

    const [produced] = await at.port.produce(
      before,
      [{ topic: 'orders', partition: 0, batch: batchOf(['a'], 0) }],
      { transactionalId: null, acks: -1, timeoutMs: 1_000 },
    )
    expect(produced?.error).toMatchObject(wrong)
    expect(await leaderOf(at.port, 'orders')).not.toBe(before)
    expect(await refusalOf(at.send('b'))).toBe('accepted')
  })

  test('each client hears of a moved coordinator once', async () => {
    await using at = await openWithTopic({ brokers: 3 })
    const ask = () => refusalOf(at.port.offsetFetch('group', [], true))
    expect(await ask()).toBe('accepted')
    at.faults.moveCoordinator('group', 'group')
    expect(await ask()).toEqual({ code: 'NOT_COORDINATOR', kind: 'retriable' })
    expect(await ask()).toBe('accepted')
    const newcomer = await at.connect('newcomer')
    expect(await refusalOf(newcomer.offsetFetch('group', [], true))).toBe('accepted')
  })

  test('a coordinator can be gone for a while', async () => {
    await using at = await openWithTopic()
    at.faults.coordinatorGone('transaction', 'app', 1_000)
    const init = () => refusalOf(at.port.initProducerId('app', 60_000))
    expect(await init()).toEqual({ code: 'COORDINATOR_NOT_AVAILABLE', kind: 'retriable' })
    expect(await refusalOf(at.port.initProducerId('another app', 60_000))).toBe('accepted')
    await at.clock.sleep(1_000)
    expect(await init()).toBe('accepted')
  })
})

describe('a broker that goes down', () => {
  test('loses its connections; what it led moves', async () => {
    await using at = await openWithTopic({ brokers: 3 })
    await at.send('before')
    const leader = await leaderOf(at.port, 'orders')
    const waiting = refusalOf(fetchOnce(at.port, 'orders', 1, { maxWaitMs: 60_000 }))
    await at.clock.sleep(10)
    at.faults.brokerDown(leader)
    expect(await waiting).toEqual(network)
    expect(await leaderOf(at.port, 'orders')).not.toBe(leader)
    await at.send('after')
    expect(at.values()).toEqual(['before', 'after'])
  })

  test('takes its partitions away until it is back', async () => {
    await using at = await openWithTopic({ brokers: 3 })
    const leader = await leaderOf(at.port, 'orders')
    at.faults.brokerDown(leader, 'unavailable')
    expect(await refusalOf(leaderOf(at.port, 'orders'))).toMatchObject({
      kind: 'stale-metadata',
    })
    at.faults.brokerUp(leader)
    expect(await leaderOf(at.port, 'orders')).toBe(leader)
    await at.send('after')
    expect(at.values()).toEqual(['after'])
  })

  test('gets the markers of the transactions that ended meanwhile when it is back', async () => {
    await using at = await openWithTopic({ brokers: 2 })
    const producer = await TestProducer.open(at, 'app')
    await producer.send('orders', ['committed'])
    at.faults.brokerDown(at.cluster.leaderOf('orders', 0), 'unavailable')
    await producer.commit().catch(() => producer.commit())

    expect(at.cluster.transactionState('app')).toMatchObject({
      state: 'PrepareCommit',
      participants: ['partition orders-0'],
    })
    expect(at.values()).toEqual([])
    for (const node of [1, 2]) at.faults.brokerUp(node)
    expect(at.cluster.transactionState('app')?.state).toBe('CompleteCommit')
    expect(at.values()).toEqual(['committed'])
  })

  test('as the only one leaves nobody to answer', async () => {
    await using at = await openWithTopic()
    at.faults.brokerDown(1, 'unavailable')
    expect(await refusalOf(at.port.metadata('all'))).toEqual(network)
    expect(await refusalOf(at.port.initProducerId('app', 60_000))).toEqual(network)
    expect(await refusalOf(at.cluster.port('late').connect())).toEqual(network)
  })

  test('can be slow instead', async () => {
    await using at = await openWithTopic({ brokers: 2 })
    const leader = at.cluster.leaderOf('orders', 0)
    const fast = at.faults.slowBroker(leader, 3_000)
    const startMs = at.clock.nowMs()
    await at.send('slow')
    expect(at.clock.nowMs() - startMs).toBe(3_000)
    fast()
    await at.send('fast')
    expect(at.clock.nowMs() - startMs).toBe(3_000)
  })
})

describe('a client', () => {
  test('that dies just before a request leaves nothing of it', async () => {
    await using at = await openWithTopic()
    at.faults.onRequest(of('produce'), { before: () => 'die' })
    expect(await refusalOf(at.send('never sent'))).toEqual(network)
    expect(await refusalOf(at.port.metadata('all'))).toEqual(network)
    expect(at.values()).toEqual([])
  })

  test('that dies just after a request leaves its effect', async () => {
    await using at = await openWithTopic()
    at.faults.onRequest(of('produce'), { after: () => 'die' })
    expect(await refusalOf(at.send('last'))).toEqual(network)
    expect(await refusalOf(at.port.listGroups())).toEqual(network)
    expect(at.values()).toEqual(['last'])
  })

  test('that died can be started again under the same id', async () => {
    await using at = await openWithTopic()
    at.faults.kill('client')
    expect(await refusalOf(at.port.metadata('all'))).toEqual(network)
    const again = at.cluster.port('client')
    await again.connect()
    expect(await refusalOf(again.metadata('all'))).toBe('accepted')
  })

  test('is watched: a test can act between a request and its effect', async () => {
    await using at = await openWithTopic()
    const other = await at.connect('other')
    const forget = at.faults.onRequest(
      ({ api, clientId }) => api === 'produce' && clientId === 'client',
      {
        before: async () => {
          await writePlain({ port: other, clock: at.clock }, 'orders', ['in between'])
          return undefined
        },
      },
    )
    await at.send('one')
    forget()
    await at.send('two')
    expect(at.values()).toEqual(['in between', 'one', 'two'])
  })

  test('that is frozen goes on where it stopped', async () => {
    await using at = await openWithTopic()
    const thaw = at.faults.freeze('client')
    const sending = at.send('late')
    await at.clock.sleep(10_000)
    expect(at.values()).toEqual([])
    thaw()
    await sending
    expect(at.values()).toEqual(['late'])
  })

  test('can be shut out as if another had taken its transactional id', async () => {
    await using at = await openWithTopic()
    const producer = await TestProducer.open(at, 'app')
    await producer.send('orders', ['zombie'])
    at.faults.fence('app')
    expect(await refusalOf(producer.sendBatch('orders', producer.batch(['on'], 1)))).toMatchObject({
      kind: 'fenced',
    })
    expect(at.values()).toEqual([])
  })
})

test('every request is noted with what a test wants to count', async () => {
  await using at = await openWithTopic()
  await at.send('a')
  await fetchOnce(at.port, 'orders', 0)
  const producer = await TestProducer.open(at, 'app')
  await producer.sendOffsets(outsider('group'), [
    { topic: 'orders', partition: 0, offset: 1, metadata: '' },
  ])
  await producer.commit()

  expect(at.faults.count(of('fetch'))).toBe(1)
  expect(at.faults.requests.map(({ api }) => api)).toEqual([
    'metadata',
    'produce',
    'metadata',
    'fetch',
    'initProducerId',
    'txnOffsetCommit',
    'endTxn',
  ])
  expect(at.faults.requests.at(-2)).toEqual({
    number: 6,
    atMs: at.clock.nowMs(),
    clientId: 'client',
    api: 'txnOffsetCommit',
    node: 1,
    partitions: [{ topic: 'orders', partition: 0 }],
    groupId: 'group',
    transactionalId: 'app',
    outcome: null,
  })
  expect(batchesOf(await fetchOnce(at.port, 'orders', 0)).length).toBe(1)
})
