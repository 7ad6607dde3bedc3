import { expect, test } from 'vitest'
import { ManualClock } from '../../core/manual-clock.ts'
import { seededRandom } from '../../core/random.ts'
import { refusalOf } from '../port.contract.kit.ts'
import { batchOf, produceBatch, TestProducer, writePlain } from '../port.contract.producers.ts'
import { portContract } from '../port.contract.ts'
import { SimulatedCluster } from './simulated-cluster.ts'
import { openSimulated } from './simulation.fixture.ts'

portContract('a simulated cluster', () => openSimulated())
portContract('a simulated cluster of three brokers with late markers', () =>
  openSimulated({ brokers: 3, markerDelayMs: 40 }),
)
portContract('a simulated cluster with transactions of version 1', () =>
  openSimulated({ transactionVersion: 1 }),
)
portContract('a simulated cluster with transactions of version 1 and late markers', () =>
  openSimulated({ transactionVersion: 1, markerDelayMs: 40 }),
)

test('the same seed and the same calls make the same run', async () => {
  const run = async () => {
    await using at = await openSimulated({ brokers: 3, markerDelayMs: 50, random: seededRandom(7) })
    await at.createTopic('orders', 4)
    const port = await at.port('client')
    const writing = { port, clock: at.clock }
    at.cluster.faults.loseReply(({ api }) => api === 'heartbeat', 2)
    const producer = await TestProducer.open(writing, 'app')
    for (let each = 0; each < 20; each += 1) {
      await producer.send('orders', [`value ${each}`], { partition: each % 4 })
      if (each % 3 === 0) await producer[each % 2 === 0 ? 'commit' : 'abort']()
      if (each === 10) at.cluster.faults.moveLeader({ topic: 'orders', partition: 1 })
    }
    await at.clock.sleep(60_000)
    return {
      requests: at.cluster.faults.requests,
      logs: [0, 1, 2, 3].map((partition) => [
        at.cluster.leaderOf('orders', partition),
        at.cluster.endOffset('orders', partition),
        at.cluster.records('orders', partition, 'read_committed'),
      ]),
    }
  }
  expect(await run()).toEqual(await run())
})

test('a closed client is answered no more, and what it waits for ends', async () => {
  await using at = await openSimulated()
  await at.createTopic('orders', 1)
  const port = await at.port('client')
  const waiting = refusalOf(
    port.fetch(1, [{ topic: 'orders', partition: 0, offset: 0, maxBytes: 1_000 }], {
      isolation: 'read_committed',
      maxWaitMs: 1_000_000,
      minBytes: 1,
      maxBytes: 1_000,
    }),
  )
  await port.close()
  const network = { code: 'NETWORK', kind: 'network' }
  expect(await waiting).toEqual(network)
  expect(await refusalOf(port.metadata('all'))).toEqual(network)
})

test('a client that has not connected is told so', async () => {
  const cluster = new SimulatedCluster({ clock: new ManualClock(0) })
  expect(await refusalOf(cluster.port('client').listGroups())).toEqual({
    code: 'NOT_CONNECTED',
    kind: 'fatal',
  })
})

test('a caller may use its buffer again while a request is still on its way', async () => {
  await using at = await openSimulated()
  await at.createTopic('orders', 1)
  const port = await at.port('client')
  at.cluster.faults.deliverLate(({ api }) => api === 'produce', 100)
  const batch = batchOf(['as it was sent'], at.clock.nowMs())
  expect(await refusalOf(produceBatch(port, 'orders', batch))).toMatchObject({ kind: 'network' })
  batch.fill(0)
  await at.clock.sleep(200)
  const [record] = at.cluster.records('orders', 0, 'read_committed')
  expect(String(record?.value)).toBe('as it was sent')
})

test('a batch of other software is read as it was written', async () => {
  await using at = await openSimulated()
  await at.createTopic('orders', 1)
  const port = await at.port('client')
  await writePlain({ port, clock: at.clock }, 'orders', ['ours'])
  const foreign = batchOf(['theirs'], 1_000, {
    producer: { producerId: 77, epoch: 3 },
    baseSequence: 900,
  })
  expect(at.cluster.appendForeign('orders', 0, foreign)).toBe(1)
  expect(
    at.cluster.records('orders', 0, 'read_uncommitted').map(({ value }) => String(value)),
  ).toEqual(['ours', 'theirs'])
})

test('a session shorter than brokers allow is refused', async () => {
  await using at = await openSimulated()
  const port = await at.port('client')
  const joining = port.joinGroup({
    groupId: 'group',
    memberId: '',
    instanceId: null,
    sessionTimeoutMs: 100,
    rebalanceTimeoutMs: 1_000,
    protocolType: 'consumer',
    protocols: [{ name: 'sticky', metadata: new Uint8Array(0) }],
  })
  expect(await refusalOf(joining)).toEqual({ code: 'INVALID_SESSION_TIMEOUT', kind: 'fatal' })
})
