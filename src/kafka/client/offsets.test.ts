import { expect, test } from 'vitest'
import type { KafkaPort } from '../port.ts'
import { BareProducer, simulate } from './client.fixtures.ts'
import { fetchCommittedOffsets, listOffsetsRetrying } from './offsets.ts'

const outside = { groupId: 'billing', memberId: '', generation: -1, instanceId: null }
const orders = [{ topic: 'orders', partition: 0 }]
const timeout = { timeoutMs: 5_000 }

const open = async (options: Parameters<typeof simulate>[0] = {}) => {
  const simulation = simulate(options)
  simulation.cluster.createTopic('orders', 1)
  return { simulation, port: await simulation.connect('reader') }
}

const commit = (port: KafkaPort, offset: number): Promise<void> =>
  port.offsetCommit(outside, [{ topic: 'orders', partition: 0, offset, metadata: 'm' }])

test('an offset nobody committed is null', async () => {
  const { simulation, port } = await open()
  const { clock } = simulation
  expect(
    await clock.run(() => fetchCommittedOffsets(port, clock, 'billing', orders, timeout)),
  ).toEqual([{ topic: 'orders', partition: 0, offset: null, metadata: '' }])
})

test('an offset that an open transaction moves is waited for', async () => {
  const { simulation, port } = await open()
  const { clock } = simulation
  await commit(port, 5)
  const producer = await port.initProducerId('billing-1', 60_000)
  await port.txnOffsetCommit('billing-1', producer, outside, [
    { topic: 'orders', partition: 0, offset: 9, metadata: 'm' },
  ])
  const fetched = fetchCommittedOffsets(port, clock, 'billing', orders, timeout)
  await clock.advance(1_000)
  await port.endTxn('billing-1', producer, 'commit')
  expect(await clock.run(() => fetched)).toEqual([
    { topic: 'orders', partition: 0, offset: 9, metadata: 'm' },
  ])
})

test('waiting for a transaction that does not end has an end', async () => {
  const { simulation, port } = await open()
  const { clock } = simulation
  const producer = await port.initProducerId('billing-1', 60_000)
  await port.txnOffsetCommit('billing-1', producer, outside, [
    { topic: 'orders', partition: 0, offset: 9, metadata: 'm' },
  ])
  const before = clock.nowMs()
  await expect(
    clock.run(() => fetchCommittedOffsets(port, clock, 'billing', orders, timeout)),
  ).rejects.toMatchObject({ code: 'UNSTABLE_OFFSET_COMMIT' })
  expect(clock.nowMs() - before).toBe(timeout.timeoutMs)
})

test('offsets are asked for again after a lost answer and while a leader is elected', async () => {
  const { simulation, port } = await open({ brokers: 2 })
  const { clock, cluster } = simulation
  cluster.faults.moveLeader({ topic: 'orders', partition: 0 }, 1)
  await (await BareProducer.open(port, null)).append('orders', 0, ['a', 'b'])
  cluster.faults.loseReply(({ api }) => api === 'listOffsets' || api === 'offsetFetch', 2)
  cluster.faults.brokerDown(1, 'unavailable')
  const listed = listOffsetsRetrying(port, clock, orders, 'latest', 'read_committed', timeout)
  await clock.advance(1_000)
  cluster.faults.brokerUp(1)
  expect(await clock.run(() => listed)).toEqual(new Map([['orders-0', 2]]))
  expect(
    await clock.run(() => fetchCommittedOffsets(port, clock, 'billing', orders, timeout)),
  ).toEqual([{ topic: 'orders', partition: 0, offset: null, metadata: '' }])
})

test('nothing is asked for nothing', async () => {
  const { simulation, port } = await open()
  const { clock, cluster } = simulation
  const before = cluster.faults.requests.length
  expect(await fetchCommittedOffsets(port, clock, 'billing', [], timeout)).toEqual([])
  expect(await listOffsetsRetrying(port, clock, [], 'latest', 'read_committed', timeout)).toEqual(
    new Map(),
  )
  expect(cluster.faults.requests.length).toBe(before)
})
