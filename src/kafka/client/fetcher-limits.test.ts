import { expect, test } from 'vitest'
import type { KafkaPort } from '../port.ts'
import { BareProducer, simulate, warningsOf } from './client.fixtures.ts'
import { fetcherOf, openOrders, readAll, readFrom } from './fetcher.fixtures.ts'

test('it follows a partition to its new leader', async () => {
  const { simulation, port } = await openOrders({ brokers: 3 })
  const { cluster, clock } = simulation
  cluster.faults.moveLeader({ topic: 'orders', partition: 0 }, 1)
  const writer = await BareProducer.open(port, null)
  const fetcher = fetcherOf(port, simulation)
  fetcher.assign('orders', 0, 0)
  await clock.advance(1_000)
  await writer.append('orders', 0, ['a'])
  cluster.faults.moveLeader({ topic: 'orders', partition: 0 }, 2)
  await clock.advance(2_000)
  expect(readAll(fetcher, 'orders').values).toEqual(['a'])
  cluster.faults.moveLeader({ topic: 'orders', partition: 0 }, 1)
  await writer.append('orders', 0, ['b'])
  await clock.advance(2_000)
  expect(readAll(fetcher, 'orders').values).toEqual(['b'])
})

test('a broker that is down for a while costs a delay, not records, and stalls no other broker', async () => {
  const { simulation, port } = await openOrders({ brokers: 2 })
  const { cluster, clock } = simulation
  cluster.createTopic('payments', 1)
  cluster.faults.moveLeader({ topic: 'orders', partition: 0 }, 1)
  cluster.faults.moveLeader({ topic: 'payments', partition: 0 }, 1)
  const writer = await BareProducer.open(port, null)
  await writer.append('orders', 0, ['a'])
  await writer.append('payments', 0, ['paid'])
  cluster.faults.moveLeader({ topic: 'orders', partition: 0 }, 2)
  cluster.faults.brokerDown(2, 'unavailable')
  const fetcher = fetcherOf(port, simulation)
  fetcher.assign('orders', 0, 0)
  fetcher.assign('payments', 0, 0)
  await clock.advance(10_000)
  expect(readAll(fetcher, 'orders').values).toEqual([])
  expect(readAll(fetcher, 'payments').values).toEqual(['paid'])
  const asked = cluster.faults.count(({ api }) => api === 'metadata')
  expect(asked).toBeLessThan(40)
  cluster.faults.brokerUp(2)
  await clock.advance(2_000)
  expect(readAll(fetcher, 'orders').values).toEqual(['a'])
})

test('a broker that is away for long is worth one warning', async () => {
  const { simulation, port } = await openOrders()
  const { logger, warnings } = warningsOf()
  const fetcher = fetcherOf(port, simulation, { logger })
  fetcher.assign('orders', 0, 0)
  await simulation.clock.advance(1_000)
  simulation.cluster.faults.loseReply(({ api }) => api === 'fetch', Infinity)
  await simulation.clock.advance(3_000)
  expect(warnings).toEqual([])
  await simulation.clock.advance(30_000)
  expect(warnings).toEqual(['not fetched, trying again'])
})

test('a topic that does not exist yet is waited for', async () => {
  const simulation = simulate()
  const port = await simulation.connect('reader')
  const fetcher = fetcherOf(port, simulation)
  fetcher.assign('later', 0, 0)
  await simulation.clock.advance(5_000)
  expect(fetcher.take('later', 0)).toBeUndefined()
  simulation.cluster.createTopic('later', 1)
  await (await BareProducer.open(port, null)).append('later', 0, ['here'])
  await simulation.clock.advance(2_000)
  expect(readAll(fetcher, 'later').values).toEqual(['here'])
})

test('a lost answer and a refused one are asked for again', async () => {
  const { simulation, port } = await openOrders()
  const { faults } = simulation.cluster
  await (await BareProducer.open(port, null)).append('orders', 0, ['a'])
  faults.loseReply(({ api }) => api === 'fetch', 2)
  faults.refuse(({ api }) => api === 'fetch', 'NOT_LEADER_OR_FOLLOWER')
  faults.loseReply(({ api }) => api === 'metadata', 3)
  expect((await readFrom(simulation, 0)).values).toEqual(['a'])
})

test('a forbidden topic says so at its own partitions only', async () => {
  const { simulation, port } = await openOrders()
  await (await BareProducer.open(port, null)).append('orders', 0, ['a'])
  const { faults } = simulation.cluster
  simulation.cluster.createTopic('secret', 1)
  faults.refuse(
    ({ api, partitions }) => api === 'fetch' && partitions.some(({ topic }) => topic === 'secret'),
    'TOPIC_AUTHORIZATION_FAILED',
  )
  const fetcher = fetcherOf(port, simulation)
  fetcher.assign('secret', 0, 0)
  await simulation.clock.advance(100)
  fetcher.assign('orders', 0, 0)
  await simulation.clock.advance(1_000)
  expect(() => fetcher.take('secret', 0)).toThrow(
    expect.objectContaining({ code: 'TOPIC_AUTHORIZATION_FAILED' }),
  )
  expect(readAll(fetcher, 'orders').values).toEqual(['a'])
})

test('what nobody takes is bounded, in a partition and over all of them', async () => {
  const { simulation, port } = await openOrders()
  simulation.cluster.createTopic('many', 8)
  const writer = await BareProducer.open(port, null)
  const kilobyte = 'x'.repeat(1_000)
  for (let partition = 0; partition < 8; partition += 1) {
    for (let each = 0; each < 40; each += 1) await writer.append('many', partition, [kilobyte])
  }
  const asked: number[] = []
  const watched: KafkaPort = {
    ...port,
    fetch: (node, partitions, options) => {
      asked.push(options.maxBytes)
      return port.fetch(node, partitions, options)
    },
  }
  const fetcher = fetcherOf(watched, simulation, {
    bufferBytesMax: 30_000,
    partitionBytesMax: 10_000,
  })
  for (let partition = 0; partition < 8; partition += 1) fetcher.assign('many', partition, 0)
  await simulation.clock.advance(10_000)

  const runs = []
  for (let partition = 0; partition < 8; partition += 1) {
    for (let run = fetcher.take('many', partition); run; run = fetcher.take('many', partition)) {
      runs.push(run)
    }
  }
  const buffered = runs.reduce((sum, run) => sum + run.sizeBytes, 0)
  expect(buffered).toBeGreaterThan(15_000)
  expect(buffered).toBeLessThanOrEqual(31_100)
  expect(Math.min(...asked)).toBeGreaterThan(9_999)

  let records = runs.reduce((count, run) => {
    let own = 0
    while (run.next()) own += 1
    return count + own
  }, 0)
  for (let turn = 0; turn < 100 && records < 320; turn += 1) {
    await simulation.clock.advance(50)
    for (let partition = 0; partition < 8; partition += 1) {
      records += readAll(fetcher, 'many', partition).values.length
    }
  }
  expect(records).toBe(320)
})

test('a batch larger than everything asked for still arrives', async () => {
  const { simulation, port } = await openOrders()
  simulation.cluster.createTopic('payments', 1)
  const writer = await BareProducer.open(port, null)
  const values = Array.from({ length: 50 }, (_, each) => `${each}-${'x'.repeat(100)}`)
  await writer.append('orders', 0, values)
  await writer.append('payments', 0, values)
  const fetcher = fetcherOf(port, simulation, { partitionBytesMax: 100, bufferBytesMax: 200 })
  fetcher.assign('orders', 0, 0)
  fetcher.assign('payments', 0, 0)
  const read: (string | null)[] = []
  for (let turn = 0; turn < 20; turn += 1) {
    await simulation.clock.advance(100)
    read.push(...readAll(fetcher, 'orders').values, ...readAll(fetcher, 'payments').values)
  }
  expect(read.length).toBe(100)
})

test('a new partition does not wait for a poll that is under way longer than its short patience', async () => {
  const { simulation, port } = await openOrders()
  simulation.cluster.createTopic('payments', 1)
  await (await BareProducer.open(port, null)).append('payments', 0, ['paid'])
  const fetcher = fetcherOf(port, simulation)
  fetcher.assign('orders', 0, 0)
  await simulation.clock.advance(10_000)
  fetcher.assign('payments', 0, 0)
  await simulation.clock.advance(500)
  expect(readAll(fetcher, 'payments').values).toEqual(['paid'])
})

test('a partition that was full is asked for again soon after it was taken', async () => {
  const { simulation, port } = await openOrders()
  simulation.cluster.createTopic('quiet', 1)
  const writer = await BareProducer.open(port, null)
  for (let each = 0; each < 20; each += 1) await writer.append('orders', 0, ['x'.repeat(1_000)])
  const fetcher = fetcherOf(port, simulation, { partitionBytesMax: 2_000 })
  fetcher.assign('quiet', 0, 0)
  await simulation.clock.advance(10_000)
  fetcher.assign('orders', 0, 0)
  await simulation.clock.advance(500)
  let records = readAll(fetcher, 'orders').values.length
  for (let turn = 0; turn < 40; turn += 1) {
    await simulation.clock.advance(25)
    records += readAll(fetcher, 'orders').values.length
  }
  expect(records).toBe(20)
})

test('a partition that fills up while another is quiet is asked for again as soon as it is taken', async () => {
  const { simulation, port } = await openOrders()
  simulation.cluster.createTopic('quiet', 1)
  const fetcher = fetcherOf(port, simulation, { partitionBytesMax: 2_000 })
  fetcher.assign('quiet', 0, 0)
  fetcher.assign('orders', 0, 0)
  await simulation.clock.advance(10_000)
  const writer = await BareProducer.open(port, null)
  for (let each = 0; each < 10; each += 1) await writer.append('orders', 0, ['x'.repeat(1_900)])
  await simulation.clock.advance(5)
  let records = 0
  for (let turn = 0; turn < 12; turn += 1) {
    records += readAll(fetcher, 'orders').values.length
    await simulation.clock.advance(30)
  }
  expect(records).toBe(10)
})

test('a partition with a backlog does not starve one behind it', async () => {
  const { simulation, port } = await openOrders()
  simulation.cluster.createTopic('payments', 1)
  const writer = await BareProducer.open(port, null)
  for (let each = 0; each < 50; each += 1) await writer.append('orders', 0, ['x'.repeat(1_000)])
  await writer.append('payments', 0, ['x'.repeat(1_000)])
  const fetcher = fetcherOf(port, simulation, { partitionBytesMax: 1_200, bufferBytesMax: 1_200 })
  fetcher.assign('orders', 0, 0)
  fetcher.assign('payments', 0, 0)
  let [orders, payments] = [0, 0]
  for (let turn = 0; turn < 10; turn += 1) {
    await simulation.clock.advance(20)
    orders += readAll(fetcher, 'orders').values.length
    payments += readAll(fetcher, 'payments').values.length
  }
  expect(payments).toBe(1)
  expect(orders).toBeLessThan(50)
})

test('an idle fetcher asks twice a second a broker, and nothing at all without partitions', async () => {
  const { simulation, port } = await openOrders()
  const { faults } = simulation.cluster
  const fetcher = fetcherOf(port, simulation)
  await simulation.clock.advance(10_000)
  expect(faults.count(({ api }) => api === 'fetch' || api === 'metadata')).toBe(0)
  fetcher.assign('orders', 0, 0)
  await simulation.clock.advance(1_000)
  const before = faults.requests.length
  await simulation.clock.advance(60_000)
  expect(faults.requests.length - before).toBeLessThanOrEqual(121)
})

test('the first answer is news, also an empty one: it tells where the partition ends', async () => {
  const { simulation, port } = await openOrders()
  let arrivals = 0
  const onArrival = (): void => {
    arrivals += 1
  }
  const fetcher = fetcherOf(port, simulation, { onArrival })
  expect(fetcher.watermarks('orders', 0)).toBeUndefined()
  fetcher.assign('orders', 0, 0)
  await simulation.clock.advance(5_000)
  expect(arrivals).toBe(1)
  const { heardMs, ...offsets } = fetcher.watermarks('orders', 0) ?? {}
  expect(offsets).toEqual({ highWatermark: 0, lastStableOffset: 0, logStartOffset: 0 })
  // It is asked again, and heard of again, while nothing changes.
  expect(simulation.clock.nowMs() - (heardMs ?? 0)).toBeLessThanOrEqual(500)
})

test('a failure now and then does not slow a partition down more and more', async () => {
  const { simulation, port } = await openOrders()
  const { faults } = simulation.cluster
  const writer = await BareProducer.open(port, null)
  const fetcher = fetcherOf(port, simulation)
  fetcher.assign('orders', 0, 0)
  for (let round = 0; round < 10; round += 1) {
    faults.loseReply(({ api }) => api === 'fetch')
    await simulation.clock.advance(1_000)
    await writer.append('orders', 0, [`${round}`])
    await simulation.clock.advance(1)
    faults.loseReply(({ api }) => api === 'fetch')
    await writer.append('orders', 0, [`${round}-again`])
    await simulation.clock.advance(50)
    expect(readAll(fetcher, 'orders').values).toEqual([`${round}`, `${round}-again`])
  }
})

test('a few bytes do not keep the whole answer of a broker in memory', async () => {
  const { simulation, port } = await openOrders()
  await (await BareProducer.open(port, null)).append('orders', 0, ['a'])
  const inLargeAnswer = (bytes: Uint8Array): Uint8Array => {
    const answer = new Uint8Array(1_000_000)
    answer.set(bytes, 500)
    return answer.subarray(500, 500 + bytes.length)
  }
  const large: KafkaPort = {
    ...port,
    fetch: async (...request) =>
      (await port.fetch(...request)).map((each) => ({
        ...each,
        batches: inLargeAnswer(each.batches),
      })),
  }
  const fetcher = fetcherOf(large, simulation)
  fetcher.assign('orders', 0, 0)
  await simulation.clock.advance(100)
  const run = fetcher.take('orders', 0)
  run?.next()
  expect(run?.value?.buffer.byteLength).toBe(run?.sizeBytes)
})

test('nothing arrives after close', async () => {
  const { simulation, port } = await openOrders()
  let arrivals = 0
  const onArrival = (): void => {
    arrivals += 1
  }
  const fetcher = fetcherOf(port, simulation, { onArrival })
  fetcher.assign('orders', 0, 0)
  await simulation.clock.advance(100)
  const before = arrivals
  await fetcher.close()
  await (await BareProducer.open(port, null)).append('orders', 0, ['a'])
  const asked = simulation.cluster.faults.count(({ api }) => api === 'fetch')
  await simulation.clock.advance(10_000)
  expect(arrivals).toBe(before)
  expect(fetcher.take('orders', 0)).toBeUndefined()
  expect(simulation.cluster.faults.count(({ api }) => api === 'fetch')).toBe(asked)
})

test('what somebody waits for is asked for, also when the buffer is full of other things', async () => {
  const { simulation, port } = await openOrders({ brokers: 2 })
  const { cluster, clock } = simulation
  cluster.createTopic('many', 4)
  cluster.faults.moveLeader({ topic: 'orders', partition: 0 }, 1)
  for (let each = 0; each < 4; each += 1) {
    cluster.faults.moveLeader({ topic: 'many', partition: each }, 1)
  }
  const writer = await BareProducer.open(port, null)
  const kilobyte = 'x'.repeat(1_000)
  await writer.append('orders', 0, [kilobyte])
  await writer.append('orders', 0, [kilobyte])
  for (let each = 0; each < 4; each += 1) {
    for (let batch = 0; batch < 4; batch += 1) await writer.append('many', each, [kilobyte])
  }
  cluster.faults.moveLeader({ topic: 'orders', partition: 0 }, 2)
  cluster.faults.brokerDown(2, 'unavailable')
  const fetcher = fetcherOf(port, simulation, { bufferBytesMax: 3_000, partitionBytesMax: 1_500 })
  fetcher.assign('orders', 0, 0)
  for (let each = 0; each < 4; each += 1) fetcher.assign('many', each, 0)
  await clock.advance(10_000)
  cluster.faults.brokerUp(2)
  let read = 0
  for (let turn = 0; turn < 20; turn += 1) {
    read += readAll(fetcher, 'orders').values.length
    await clock.advance(500)
  }
  expect(read).toBe(2)
})
