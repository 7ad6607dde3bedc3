import { expect, test } from 'vitest'
import { silentLogger } from '../../core/logger.ts'
import { noHeaders, type Headers } from '../../core/record.ts'
import { seededRandom } from '../../core/random.ts'
import { partitionForKey } from '../wire/murmur2.ts'
import { bytesOf, simulate, textOf, type Simulation } from './client.fixtures.ts'
import { RecordProducer, type RecordProducerOptions } from './producer.ts'

const outside = { groupId: 'billing', memberId: '', generation: -1, instanceId: null }

async function producerOf(
  simulation: Simulation,
  options: Partial<RecordProducerOptions> = {},
): Promise<RecordProducer> {
  const producer = new RecordProducer({
    port: await simulation.connect('producer'),
    clock: simulation.clock,
    logger: silentLogger,
    random: seededRandom(7),
    transactionalId: null,
    transactionTimeoutMs: 60_000,
    compression: 'none',
    lingerMs: 5,
    onProgress: () => {},
    ...options,
  })
  await simulation.clock.run(() => producer.init())
  return producer
}

async function open(
  partitions = 1,
  options: Parameters<typeof simulate>[0] = {},
  producerOptions: Partial<RecordProducerOptions> = {},
) {
  const simulation = simulate(options)
  simulation.cluster.createTopic('orders', partitions)
  return { simulation, producer: await producerOf(simulation, producerOptions) }
}

const send = (producer: RecordProducer, value: string, partition: number | null = 0): void =>
  producer.send('orders', partition, 1_000, bytesOf('key'), bytesOf(value), noHeaders)

const valuesOf = ({ cluster }: Simulation, partition = 0): (string | null)[] =>
  cluster.records('orders', partition, 'read_committed').map(({ value }) => textOf(value))

const produces = ({ cluster }: Simulation): number =>
  cluster.faults.count(({ api }) => api === 'produce')

const flushed = ({ clock }: Simulation, producer: RecordProducer): Promise<void> =>
  clock.run(() => producer.flush())

test('what is flushed lies in the log as it was sent', async () => {
  const { simulation, producer } = await open()
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
  const { simulation, producer } = await open()
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
  const { simulation, producer } = await open(5)
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
  const { simulation, producer } = await open(3, {}, { batchBytesMax: 500 })
  for (let each = 0; each < 200; each += 1) {
    producer.send('orders', null, 1_000, null, bytesOf(`value-${each}`), noHeaders)
  }
  await flushed(simulation, producer)
  const counts = [0, 1, 2].map((partition) => valuesOf(simulation, partition).length)
  expect(counts.reduce((sum, count) => sum + count)).toBe(200)
  expect(Math.min(...counts)).toBeGreaterThan(20)
})

test('a record goes out when it has lingered, or when its batch is full', async () => {
  const { simulation, producer } = await open(1, {}, { lingerMs: 50, batchBytesMax: 300 })
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
  const { simulation, producer } = await open(20)
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
  const { simulation, producer } = await open(4)
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
  const { simulation, producer } = await open(4, { brokers: 4 })
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
    const { simulation, producer } = await open()
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

test('records follow their partition to a new leader, in order', async () => {
  const { simulation, producer } = await open(1, { brokers: 3 })
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
  const { simulation, producer } = await open(6, { brokers: 3 })
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
  const { simulation, producer } = await open(2, { brokers: 2 })
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

test.for(['no broker', 'no answer', 'no metadata'] as const)(
  'what cannot be delivered in time makes the producer fail for good (%s)',
  async (how) => {
    const { simulation, producer } = await open(1, {}, { deliveryTimeoutMs: 10_000 })
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

test('a gap in the sequence is never papered over', async () => {
  const { simulation, producer } = await open()
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
  const { simulation, producer } = await open()
  send(producer, 'a')
  expect(() => send(producer, 'x'.repeat(1024 * 1024))).toThrow(
    expect.objectContaining({ code: 'MESSAGE_TOO_LARGE', kind: 'fatal' }),
  )
  send(producer, 'b')
  await flushed(simulation, producer)
  expect(valuesOf(simulation)).toEqual(['a', 'b'])
})

test('a timestamp or a partition that is none is refused alone', async () => {
  const { simulation, producer } = await open()
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

test('large records get batches of their own', async () => {
  const { simulation, producer } = await open(1, {}, { batchBytesMax: 1_000 })
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
  const { simulation, producer } = await open()
  producer.send('later', null, 1_000, null, null, noHeaders)
  await simulation.clock.advance(1_500)
  send(producer, 'a')
  await simulation.clock.advance(50)
  expect(valuesOf(simulation)).toEqual(['a'])
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
  const { simulation, producer } = await open()
  simulation.cluster.faults.refuse(({ api }) => api === 'metadata', 'TOPIC_AUTHORIZATION_FAILED')
  send(producer, 'a')
  await expect(flushed(simulation, producer)).rejects.toMatchObject({
    code: 'TOPIC_AUTHORIZATION_FAILED',
  })
})

test('buffered bytes count everything, and drainTo waits for just enough of it', async () => {
  let progress = 0
  const onProgress = (): void => {
    progress += 1
  }
  const limits = { batchBytesMax: 1_000, lingerMs: 60_000, onProgress }
  const { simulation, producer: counted } = await open(1, {}, limits)
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
  const { simulation, producer } = await open()
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
  const { simulation, producer } = await open()
  simulation.cluster.faults.refuse(({ api }) => api === 'offsetCommit', 'ILLEGAL_GENERATION')
  const offsets = [{ topic: 'orders', partition: 0, offset: 7, metadata: '' }]
  await expect(simulation.clock.run(() => producer.commit(offsets, outside))).rejects.toMatchObject(
    { code: 'ILLEGAL_GENERATION', kind: 'rejoin' },
  )
  send(producer, 'a')
  await simulation.clock.run(() => producer.commit(offsets, outside))
  expect(valuesOf(simulation)).toEqual(['a'])
})

test('without transactions an abort drops what was not sent, and only that', async () => {
  const { simulation, producer } = await open(1, {}, { lingerMs: 50, batchBytesMax: 200 })
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
  const { simulation, producer } = await open(2, {}, { batchBytesMax: 200 })
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
  const { simulation, producer } = await open()
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
  const { simulation, producer } = await open()
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

test('closing drops what is buffered and ends what waits', async () => {
  const { simulation, producer } = await open(1, {}, { lingerMs: 1_000 })
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
    const { simulation, producer } = await open(1, {}, { compression })
    for (let each = 0; each < 50; each += 1) send(producer, `value-${each}`)
    await flushed(simulation, producer)
    expect(valuesOf(simulation).length).toBe(50)
  }
})
