import { expect, test } from 'vitest'
import { ManualClock } from '../../core/manual-clock.ts'
import { SimulatedCluster } from '../memory/simulated-cluster.ts'
import type { GroupMember, KafkaPort } from '../port.ts'
import { provenPort } from './proven-port.ts'

const GROUP = 'orders-app'
const partitions = [{ topic: 'orders', partition: 0 }]

interface Scene {
  readonly port: KafkaPort
  readonly cluster: SimulatedCluster
  readonly member: GroupMember
}

/** A member of a generation that was just agreed on. */
async function joined(): Promise<Scene> {
  const cluster = new SimulatedCluster({ clock: new ManualClock(0), brokers: 3 })
  cluster.createTopic('orders', 1)
  const port = provenPort(cluster.port('one'))
  await port.connect()
  const { member, protocol } = await port.joinGroup({
    groupId: GROUP,
    memberId: '',
    instanceId: null,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    protocolType: 'consumer',
    protocols: [{ name: 'any', metadata: new Uint8Array(0) }],
  })
  await port.syncGroup(member, 'consumer', protocol, [])
  return { port, cluster, member }
}

const unproven = { code: 'COORDINATOR_UNPROVEN', kind: 'rejoin' }

test('a coordinator that has written down a new generation is believed', async () => {
  const { port } = await joined()
  expect(await port.offsetFetch(GROUP, partitions, true)).toMatchObject([{ offset: null }])
})

test('after a lost answer it may be another one, until it has written something', async () => {
  const { port, cluster, member } = await joined()
  cluster.faults.loseReply(({ api }) => api === 'heartbeat')
  await expect(port.heartbeat(member)).rejects.toMatchObject({ kind: 'network' })
  await expect(port.offsetFetch(GROUP, partitions, true)).rejects.toMatchObject(unproven)
  const producer = await port.initProducerId('tx', 10_000)
  const offset = { ...partitions[0]!, offset: 0, metadata: '' }
  await port.txnOffsetCommit('tx', producer, member, [offset])
  await port.endTxn('tx', producer, 'abort')
  expect(await port.offsetFetch(GROUP, partitions, true)).toMatchObject([{ offset: null }])
})

test('an answer that was under way when another one was lost is not believed', async () => {
  const { port, cluster, member } = await joined()
  cluster.faults.loseRequest(({ api }) => api === 'heartbeat')
  const fetched = port.offsetFetch(GROUP, partitions, true)
  const lost = port.heartbeat(member)
  await expect(lost).rejects.toMatchObject({ kind: 'network' })
  await expect(fetched).rejects.toMatchObject(unproven)
})

test('a write that was under way when an answer was lost proves nothing', async () => {
  const { port, cluster, member } = await joined()
  const producer = await port.initProducerId('tx', 10_000)
  const offset = { ...partitions[0]!, offset: 0, metadata: '' }
  cluster.faults.loseRequest(({ api }) => api === 'heartbeat')
  const written = port.txnOffsetCommit('tx', producer, member, [offset])
  const lost = port.heartbeat(member)
  await expect(lost).rejects.toMatchObject({ kind: 'network' })
  await written
  await port.endTxn('tx', producer, 'abort')
  await expect(port.offsetFetch(GROUP, partitions, true)).rejects.toMatchObject(unproven)
})

test('offsets that may be unstable need no proof', async () => {
  const { port, cluster, member } = await joined()
  cluster.faults.loseReply(({ api }) => api === 'heartbeat')
  await expect(port.heartbeat(member)).rejects.toMatchObject({ kind: 'network' })
  expect(await port.offsetFetch(GROUP, partitions, false)).toMatchObject([{ offset: null }])
})
