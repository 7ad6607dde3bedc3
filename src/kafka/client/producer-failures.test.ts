import { expect, test } from 'vitest'
import { noHeaders } from '../../core/record.ts'
import { simulate, warningsOf } from './client.fixtures.ts'
import { flushed, openOrders, outside, producerOf, send, valuesOf } from './producer.fixtures.ts'

test('records follow their partition to a new leader, in order', async () => {
  const { simulation, producer } = await openOrders(1, { brokers: 3 })
  const { faults } = simulation.cluster
  for (let round = 0; round < 6; round += 1) {
    faults.moveLeader({ topic: 'orders', partition: 0 }, (round % 3) + 1)
    for (let each = 0; each < 10; each += 1) send(producer, `${round}-${each}`)
    if (round % 2 === 0) await flushed(simulation, producer)
  }
  await flushed(simulation, producer)
  expect(valuesOf(simulation)).toEqual(
    Array.from({ length: 60 }, (_, each) => `${Math.floor(each / 10)}-${each % 10}`),
  )
})

test('partitions that lose their leaders at the same time all find them soon', async () => {
  const { simulation, producer } = await openOrders(6, { brokers: 3 })
  const { cluster, clock } = simulation
  await clock.run(() => producer.prepare(['orders']))
  for (let round = 0; round < 5; round += 1) {
    for (let partition = 0; partition < 6; partition += 1) {
      send(producer, `${round}`, partition)
      cluster.faults.moveLeader({ topic: 'orders', partition })
    }
    const before = clock.nowMs()
    await flushed(simulation, producer)
    expect(clock.nowMs() - before).toBeLessThan(100)
  }
  expect(valuesOf(simulation, 5)).toEqual(['0', '1', '2', '3', '4'])
})

test('a broker that is down for a while costs a delay only', async () => {
  const { simulation, producer } = await openOrders(2, { brokers: 2 })
  const { faults } = simulation.cluster
  faults.moveLeader({ topic: 'orders', partition: 0 }, 1)
  faults.moveLeader({ topic: 'orders', partition: 1 }, 2)
  faults.brokerDown(2, 'unavailable')
  send(producer, 'a', 0)
  send(producer, 'b', 1)
  await simulation.clock.advance(20_000)
  expect([valuesOf(simulation, 0), valuesOf(simulation, 1)]).toEqual([['a'], []])
  expect(faults.count(({ api }) => api === 'metadata')).toBeLessThan(80)
  faults.brokerUp(2)
  await flushed(simulation, producer)
  expect(valuesOf(simulation, 1)).toEqual(['b'])
})

test('a broker that is away for long is worth one warning of each kind', async () => {
  const { logger, warnings } = warningsOf()
  const { simulation, producer } = await openOrders(1, {}, { logger })
  await simulation.clock.run(() => producer.prepare(['orders']))
  simulation.cluster.faults.loseReply(({ api }) => api === 'produce', 100)
  send(producer, 'a')
  await flushed(simulation, producer)
  expect(warnings).toEqual(['records were not acknowledged, sending them again'])
  simulation.cluster.faults.loseReply(({ api }) => api === 'metadata', 20)
  producer.send('other', 0, 1_000, null, null, noHeaders)
  await simulation.clock.advance(5_000)
  expect(warnings.slice(1)).toEqual(['topics are missing or have no leader, still looking'])
})

test('a gap in the sequence is never papered over', async () => {
  const { simulation, producer } = await openOrders()
  send(producer, 'a')
  await flushed(simulation, producer)
  simulation.cluster.faults.refuse(({ api }) => api === 'produce', 'OUT_OF_ORDER_SEQUENCE_NUMBER')
  send(producer, 'b')
  await expect(flushed(simulation, producer)).rejects.toMatchObject({
    code: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  })
  expect(() => send(producer, 'c')).toThrow()
})

test('a record that no broker takes is refused alone', async () => {
  const { simulation, producer } = await openOrders()
  send(producer, 'a')
  expect(() => send(producer, 'x'.repeat(1024 * 1024))).toThrow(
    expect.objectContaining({ code: 'MESSAGE_TOO_LARGE', kind: 'fatal' }),
  )
  send(producer, 'b')
  await flushed(simulation, producer)
  expect(valuesOf(simulation)).toEqual(['a', 'b'])
})

test('a timestamp or a partition that is none is refused alone', async () => {
  const { simulation, producer } = await openOrders()
  const refuseNaN = (): void => {
    expect(() => producer.send('orders', 0, NaN, null, null, noHeaders)).toThrow(
      expect.objectContaining({ code: 'SERDE_FAILED' }),
    )
  }
  refuseNaN()
  await simulation.clock.run(() => producer.prepare(['orders']))
  refuseNaN()
  expect(() => send(producer, 'a', 4)).toThrow(
    expect.objectContaining({ code: 'UNKNOWN_TOPIC_OR_PARTITION', kind: 'fatal' }),
  )
  send(producer, 'b')
  await flushed(simulation, producer)
  expect(valuesOf(simulation)).toEqual(['b'])
})

test('a topic that does not exist is named by flush, commit and prepare', async () => {
  const simulation = simulate()
  simulation.cluster.createTopic('orders', 1)
  const missing = expect.objectContaining({
    code: 'TOPIC_MISSING',
    message: expect.stringContaining('"nowhere"'),
  })
  const one = await producerOf(simulation)
  await expect(simulation.clock.run(() => one.prepare(['orders', 'nowhere']))).rejects.toEqual(
    missing,
  )
  send(one, 'still works')
  await flushed(simulation, one)
  expect(valuesOf(simulation)).toEqual(['still works'])
  one.send('nowhere', null, 1_000, null, null, noHeaders)
  await expect(flushed(simulation, one)).rejects.toEqual(missing)

  const two = await producerOf(simulation, { transactionalId: 'two' })
  two.send('nowhere', null, 1_000, null, null, noHeaders)
  await expect(simulation.clock.run(() => two.commit([], outside))).rejects.toEqual(missing)
})

test('a topic that is forbidden is refused by its name', async () => {
  const { simulation, producer } = await openOrders()
  simulation.cluster.faults.refuse(({ api }) => api === 'metadata', 'TOPIC_AUTHORIZATION_FAILED')
  send(producer, 'a')
  await expect(flushed(simulation, producer)).rejects.toMatchObject({
    code: 'TOPIC_AUTHORIZATION_FAILED',
  })
})

test('without transactions an abort drops what was not sent, and only that', async () => {
  const { simulation, producer } = await openOrders(1, {}, { lingerMs: 50, batchBytesMax: 200 })
  const { clock, cluster } = simulation
  await clock.run(() => producer.prepare(['orders']))
  send(producer, 'acknowledged')
  await flushed(simulation, producer)
  cluster.faults.loseReply(({ api }) => api === 'produce')
  cluster.faults.slowBroker(1, 100)
  send(producer, 'under way')
  await clock.advance(60)
  for (let each = 0; each < 20; each += 1) send(producer, `dropped-${each}`)
  await clock.run(() => producer.abort())
  send(producer, 'after')
  await flushed(simulation, producer)
  expect(valuesOf(simulation)).toEqual(['acknowledged', 'under way', 'after'])
})

test('a full batch that never left is dropped by an abort, whatever became of the one before', async () => {
  const { simulation, producer } = await openOrders(2, {}, { batchBytesMax: 200 })
  const { clock, cluster } = simulation
  await clock.run(() => producer.prepare(['orders']))
  send(producer, 'acknowledged', 0)
  await flushed(simulation, producer)
  cluster.faults.slowBroker(1, 100)
  send(producer, 'under way', 1)
  await clock.advance(10)
  for (let each = 0; each < 20; each += 1) send(producer, `dropped-${each}`, 0)
  await clock.run(() => producer.abort())
  expect([valuesOf(simulation, 0), valuesOf(simulation, 1)]).toEqual([
    ['acknowledged'],
    ['under way'],
  ])
})

test('a lost answer now and then does not slow a partition down more and more', async () => {
  const { simulation, producer } = await openOrders()
  const { faults } = simulation.cluster
  for (let round = 0; round < 12; round += 1) {
    faults.loseReply(({ api }) => api === 'produce')
    send(producer, `${round}`)
    const before = simulation.clock.nowMs()
    await flushed(simulation, producer)
    expect(simulation.clock.nowMs() - before).toBeLessThan(50)
  }
})

test('records that wait for metadata are bounded, and those kept still arrive', async () => {
  const { simulation, producer } = await openOrders()
  const value = 'x'.repeat(1_000_000)
  let kept = 0
  const parkAll = (): void => {
    for (; kept < 40; kept += 1) send(producer, value)
  }
  expect(parkAll).toThrow(expect.objectContaining({ code: 'KAFKA_UNAVAILABLE' }))
  expect(kept).toBe(33)
  await flushed(simulation, producer)
  expect(valuesOf(simulation).length).toBe(33)
})
