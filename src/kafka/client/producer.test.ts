import { expect, test } from 'vitest'
import { noHeaders, type Headers } from '../../core/record.ts'
import { partitionForKey } from '../wire/murmur2.ts'
import { bytesOf, simulate } from './client.fixtures.ts'
import {
  flushed,
  openOrders,
  outside,
  producerOf,
  produces,
  send,
  valuesOf,
} from './producer.fixtures.ts'

test('what is flushed lies in the log as it was sent', async () => {
  const { simulation, producer } = await openOrders()
  const headers: Headers = [['trace', bytesOf('1')]]
  producer.send('orders', 0, 1_234, bytesOf('key'), bytesOf('value'), headers)
  producer.send('orders', 0, 1_235, null, null, noHeaders)
  await flushed(simulation, producer)
  expect(simulation.cluster.records('orders', 0, 'read_committed')).toEqual([
    {
      topic: 'orders',
      partition: 0,
      offset: 0,
      timestampMs: 1_234,
      key: bytesOf('key'),
      value: bytesOf('value'),
      headers,
    },
    {
      topic: 'orders',
      partition: 0,
      offset: 1,
      timestampMs: 1_235,
      key: null,
      value: null,
      headers: [],
    },
  ])
  expect(producer.endOffset('orders', 0)).toBe(2)
  expect(producer.bufferedBytes).toBe(0)
})

test('bytes are copied, also those that wait for metadata', async () => {
  const { simulation, producer } = await openOrders()
  const value = Buffer.from('first')
  producer.send('orders', 0, 1_000, null, value, noHeaders)
  value.write('later')
  await flushed(simulation, producer)
  producer.send('orders', 0, 1_000, null, value, noHeaders)
  value.write('again')
  await flushed(simulation, producer)
  expect(valuesOf(simulation)).toEqual(['first', 'later'])
})

test('records without a partition go where Java puts their key', async () => {
  const { simulation, producer } = await openOrders(5)
  const keys = Array.from({ length: 40 }, (_, each) => `key-${each}`)
  await simulation.clock.run(() => producer.prepare(['orders']))
  expect(producer.partitionCount('orders')).toBe(5)
  for (const key of keys) {
    producer.send('orders', null, 1_000, bytesOf(key), bytesOf(key), noHeaders)
  }
  await flushed(simulation, producer)
  for (let partition = 0; partition < 5; partition += 1) {
    expect(valuesOf(simulation, partition)).toEqual(
      keys.filter((key) => partitionForKey(bytesOf(key), 5) === partition),
    )
  }
})

test('records without a key fill one batch after the other, and reach every partition', async () => {
  const { simulation, producer } = await openOrders(3, {}, { batchBytesMax: 500 })
  for (let each = 0; each < 200; each += 1) {
    producer.send('orders', null, 1_000, null, bytesOf(`value-${each}`), noHeaders)
  }
  await flushed(simulation, producer)
  const counts = [0, 1, 2].map((partition) => valuesOf(simulation, partition).length)
  expect(counts.reduce((sum, count) => sum + count)).toBe(200)
  expect(Math.min(...counts)).toBeGreaterThan(20)
})

test('a record goes out when it has lingered, or when its batch is full', async () => {
  const { simulation, producer } = await openOrders(1, {}, { lingerMs: 50, batchBytesMax: 300 })
  await simulation.clock.run(() => producer.prepare(['orders']))
  send(producer, 'a')
  await simulation.clock.advance(49)
  expect(valuesOf(simulation)).toEqual([])
  await simulation.clock.advance(1)
  expect(valuesOf(simulation)).toEqual(['a'])
  send(producer, 'x'.repeat(200))
  send(producer, 'y'.repeat(200))
  await simulation.clock.advance(1)
  expect(valuesOf(simulation).length).toBe(2)
  await simulation.clock.advance(50)
  expect(valuesOf(simulation).length).toBe(3)
  send(producer, 'flushed')
  await flushed(simulation, producer)
  send(producer, 'lingers')
  await simulation.clock.advance(40)
  expect(valuesOf(simulation).length).toBe(4)
})

test('what would make a request too long goes in the next one', async () => {
  const { simulation, producer } = await openOrders(20)
  const value = 'x'.repeat(500_000)
  await simulation.clock.run(() => producer.prepare(['orders']))
  for (let partition = 0; partition < 20; partition += 1) send(producer, value, partition)
  await flushed(simulation, producer)
  expect(produces(simulation)).toBe(2)
  for (let partition = 0; partition < 20; partition += 1) {
    expect(valuesOf(simulation, partition)).toEqual([value])
  }
})

test('one request is in flight a broker; what comes meanwhile goes together in the next', async () => {
  const { simulation, producer } = await openOrders(4)
  await simulation.clock.run(() => producer.prepare(['orders']))
  simulation.cluster.faults.slowBroker(1, 100)
  send(producer, 'first', 0)
  await simulation.clock.advance(10)
  expect(produces(simulation)).toBe(1)
  for (let each = 0; each < 100; each += 1) send(producer, `${each}`, each % 4)
  await simulation.clock.advance(50)
  expect(produces(simulation)).toBe(1)
  await simulation.clock.advance(200)
  expect(produces(simulation)).toBe(2)
  expect([0, 1, 2, 3].map((each) => valuesOf(simulation, each).length)).toEqual([26, 25, 25, 25])
})

test('several brokers are written to at the same time', async () => {
  const { simulation, producer } = await openOrders(4, { brokers: 4 })
  const { cluster, clock } = simulation
  for (let partition = 0; partition < 4; partition += 1) {
    cluster.faults.moveLeader({ topic: 'orders', partition }, partition + 1)
  }
  cluster.faults.slowBroker(1, 10_000)
  for (let partition = 0; partition < 4; partition += 1) send(producer, 'a', partition)
  await clock.advance(1_000)
  expect([0, 1, 2, 3].map((each) => valuesOf(simulation, each).length)).toEqual([0, 1, 1, 1])
})

test.for(['network', 'refused', 'late'] as const)(
  'an acknowledgement that is lost loses and doubles no record (%s)',
  async (how) => {
    const { simulation, producer } = await openOrders()
    const { faults } = simulation.cluster
    const isProduce = ({ api }: { api: string }): boolean => api === 'produce'
    if (how === 'network') faults.loseReply(isProduce, 3)
    if (how === 'refused') faults.refuse(isProduce, 'NOT_ENOUGH_REPLICAS', 3)
    if (how === 'late') faults.deliverLate(isProduce, 1_000, 2)
    for (const round of ['1', '2', '3']) {
      send(producer, `${round}-a`)
      send(producer, `${round}-b`)
      await flushed(simulation, producer)
    }
    await simulation.clock.advance(5_000)
    expect(valuesOf(simulation)).toEqual(['1-a', '1-b', '2-a', '2-b', '3-a', '3-b'])
    expect(producer.endOffset('orders', 0)).toBe(6)
  },
)

test.for(['no broker', 'no answer', 'no metadata'] as const)(
  'what cannot be delivered in time makes the producer fail for good (%s)',
  async (how) => {
    const { simulation, producer } = await openOrders(1, {}, { deliveryTimeoutMs: 10_000 })
    const { faults } = simulation.cluster
    if (how !== 'no metadata') await simulation.clock.run(() => producer.prepare(['orders']))
    if (how === 'no metadata') faults.loseReply(({ api }) => api === 'metadata', Infinity)
    if (how === 'no broker') faults.brokerDown(1, 'unavailable')
    if (how === 'no answer') faults.freeze('producer')
    const before = simulation.clock.nowMs()
    send(producer, 'a')
    await expect(flushed(simulation, producer)).rejects.toMatchObject({
      code: 'DELIVERY_TIMED_OUT',
      kind: 'network',
    })
    const tookMs = simulation.clock.nowMs() - before
    expect([tookMs >= 10_000, tookMs <= 12_000]).toEqual([true, true])
    const failed = expect.objectContaining({ code: 'DELIVERY_TIMED_OUT' })
    expect(() => send(producer, 'b')).toThrow(failed)
    await expect(producer.flush()).rejects.toEqual(failed)
    await expect(producer.commit([], outside)).rejects.toEqual(failed)
    await expect(producer.abort()).rejects.toEqual(failed)
    await expect(producer.prepare(['orders'])).rejects.toEqual(failed)
    expect(producer.bufferedBytes).toBe(0)
  },
)

test('large records get batches of their own', async () => {
  const { simulation, producer } = await openOrders(1, {}, { batchBytesMax: 1_000 })
  const values = ['a', 'b'.repeat(2_000), 'c', 'd'.repeat(3_000), 'e'.repeat(3_000)]
  for (const value of values) send(producer, value)
  await flushed(simulation, producer)
  expect(valuesOf(simulation)).toEqual(values)
})

test('records for a topic that is not known yet wait for it', async () => {
  const simulation = simulate()
  const producer = await producerOf(simulation)
  producer.send('orders', null, 1_000, bytesOf('key'), bytesOf('a'), noHeaders)
  expect(producer.partitionCount('orders')).toBeUndefined()
  expect(producer.bufferedBytes).toBeGreaterThan(0)
  await simulation.clock.advance(1_000)
  simulation.cluster.createTopic('orders', 1)
  await flushed(simulation, producer)
  expect(valuesOf(simulation)).toEqual(['a'])
  expect(producer.bufferedBytes).toBe(0)
})

test('a topic is looked for at once, also while another one is waited for', async () => {
  const { simulation, producer } = await openOrders()
  producer.send('later', null, 1_000, null, null, noHeaders)
  await simulation.clock.advance(1_500)
  send(producer, 'a')
  await simulation.clock.advance(50)
  expect(valuesOf(simulation)).toEqual(['a'])
})

test('buffered bytes count everything, and drainTo waits for just enough of it', async () => {
  let progress = 0
  const onProgress = (): void => {
    progress += 1
  }
  const limits = { batchBytesMax: 1_000, lingerMs: 60_000, onProgress }
  const { simulation, producer: counted } = await openOrders(1, {}, limits)
  await simulation.clock.run(() => counted.prepare(['orders']))
  for (let each = 0; each < 100; each += 1) send(counted, 'x'.repeat(100))
  expect(counted.bufferedBytes).toBeGreaterThan(10_000)
  const left = await simulation.clock.run(async () => {
    await counted.drainTo(5_000)
    return counted.bufferedBytes
  })
  expect(left).toBeLessThanOrEqual(5_000)
  expect(left).toBeGreaterThan(3_000)
  expect(progress).toBeGreaterThan(0)
  await simulation.clock.run(() => counted.drainTo(5_000))
  await flushed(simulation, counted)
  expect([counted.bufferedBytes, valuesOf(simulation).length]).toEqual([0, 100])
})

test('without transactions a commit sends the offsets after the records', async () => {
  const { simulation, producer } = await openOrders()
  simulation.cluster.faults.loseReply(({ api }) => api === 'offsetCommit')
  send(producer, 'a')
  await simulation.clock.run(() =>
    producer.commit([{ topic: 'orders', partition: 0, offset: 7, metadata: '' }], outside),
  )
  expect(valuesOf(simulation)).toEqual(['a'])
  expect(simulation.cluster.groupState('billing')?.offsets).toEqual(new Map([['orders-0', 7]]))
  const apis = simulation.cluster.faults.requests.map(({ api }) => api)
  expect(apis.indexOf('offsetCommit')).toBeGreaterThan(apis.indexOf('produce'))
})

test('without transactions a member that must rejoin keeps its producer', async () => {
  const { simulation, producer } = await openOrders()
  simulation.cluster.faults.refuse(({ api }) => api === 'offsetCommit', 'ILLEGAL_GENERATION')
  const offsets = [{ topic: 'orders', partition: 0, offset: 7, metadata: '' }]
  await expect(simulation.clock.run(() => producer.commit(offsets, outside))).rejects.toMatchObject(
    { code: 'ILLEGAL_GENERATION', kind: 'rejoin' },
  )
  send(producer, 'a')
  await simulation.clock.run(() => producer.commit(offsets, outside))
  expect(valuesOf(simulation)).toEqual(['a'])
})

test('closing drops what is buffered and ends what waits', async () => {
  const { simulation, producer } = await openOrders(1, {}, { lingerMs: 1_000 })
  await simulation.clock.run(() => producer.prepare(['orders']))
  send(producer, 'a')
  simulation.cluster.faults.freeze('producer')
  const waiting = expect(producer.flush()).rejects.toMatchObject({ code: 'PRODUCER_CLOSED' })
  await producer.close()
  await waiting
  expect(() => send(producer, 'b')).toThrow(expect.objectContaining({ code: 'PRODUCER_CLOSED' }))
  expect(producer.bufferedBytes).toBe(0)
})

test('every codec arrives', async () => {
  for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
    const { simulation, producer } = await openOrders(1, {}, { compression })
    for (let each = 0; each < 50; each += 1) send(producer, `value-${each}`)
    await flushed(simulation, producer)
    expect(valuesOf(simulation).length).toBe(50)
  }
})
