import { expect, test } from 'vitest'
import { silentLogger } from '../../core/logger.ts'
import type { Isolation, KafkaPort } from '../port.ts'
import { BareProducer, bytesOf, simulate, textOf, type Simulation } from './client.fixtures.ts'
import { Fetcher, type FetcherOptions } from './fetcher.ts'

const READ_MS = 5_000

function fetcherOf(
  port: KafkaPort,
  { clock }: Simulation,
  options: Partial<FetcherOptions> = {},
): Fetcher {
  return new Fetcher({
    port,
    clock,
    logger: silentLogger,
    isolation: 'read_committed',
    onArrival: () => {},
    ...options,
  })
}

interface Read {
  readonly values: readonly (string | null)[]
  readonly offsets: readonly number[]
  readonly position: number
}

/** Everything that has arrived of a partition by now. */
function readAll(fetcher: Fetcher, topic: string, partition = 0): Read {
  const values: (string | null)[] = []
  const offsets: number[] = []
  let position = -1
  for (let run = fetcher.take(topic, partition); run; run = fetcher.take(topic, partition)) {
    while (run.next()) {
      values.push(textOf(run.value))
      offsets.push(run.offset)
    }
    position = run.endOffset
  }
  return { values, offsets, position }
}

async function readFrom(
  simulation: Simulation,
  position: number,
  isolation: Isolation = 'read_committed',
  options: Partial<FetcherOptions> = {},
): Promise<Read> {
  const fetcher = fetcherOf(await simulation.connect('reader'), simulation, {
    isolation,
    ...options,
  })
  fetcher.assign('orders', 0, position)
  const parts: Read[] = []
  for (let turn = 0; turn < 20; turn += 1) {
    await simulation.clock.advance(READ_MS / 20)
    parts.push(readAll(fetcher, 'orders'))
  }
  await fetcher.close()
  return {
    values: parts.flatMap((part) => part.values),
    offsets: parts.flatMap((part) => part.offsets),
    position: parts.reduce((last, part) => Math.max(last, part.position), -1),
  }
}

async function open(options: Parameters<typeof simulate>[0] = {}) {
  const simulation = simulate(options)
  simulation.cluster.createTopic('orders', 1)
  const port = await simulation.connect('writer')
  return { simulation, port }
}

test('records arrive with their keys, times and headers, in offset order', async () => {
  const { simulation, port } = await open()
  const writer = await BareProducer.open(port, null)
  await writer.append('orders', 0, ['a', 'b'], bytesOf('k'))
  await writer.append('orders', 0, ['c'], bytesOf('k'))
  const fetcher = fetcherOf(port, simulation)
  fetcher.assign('orders', 0, 0)
  await simulation.clock.advance(100)

  const run = fetcher.take('orders', 0)
  const seen = []
  while (run?.next()) {
    const { offset, timestampMs, key, value, headers } = run
    seen.push({ offset, timestampMs, key: textOf(key), value: textOf(value), headers })
  }
  expect(seen).toEqual([
    { offset: 0, timestampMs: 1_000, key: 'k', value: 'a', headers: [] },
    { offset: 1, timestampMs: 1_000, key: 'k', value: 'b', headers: [] },
    { offset: 2, timestampMs: 1_000, key: 'k', value: 'c', headers: [] },
  ])
  expect(run?.endOffset).toBe(3)
  expect(fetcher.take('orders', 0)).toBeUndefined()
  expect(fetcher.watermarks('orders', 0)).toEqual({
    highWatermark: 3,
    lastStableOffset: 3,
    logStartOffset: 0,
  })
})

test('records below the offset asked for are skipped, though their batch is fetched', async () => {
  const { simulation, port } = await open()
  await (await BareProducer.open(port, null)).append('orders', 0, ['a', 'b', 'c', 'd'])
  expect(await readFrom(simulation, 2)).toEqual({
    values: ['c', 'd'],
    offsets: [2, 3],
    position: 4,
  })
})

test.for([1, 2] as const)(
  'an aborted transaction is left out, also one with int32 key 0 (version %i)',
  async (transactionVersion) => {
    const { simulation, port } = await open({ transactionVersion })
    const writer = await BareProducer.open(port, 'writer')
    await writer.append('orders', 0, ['bad-1', 'bad-2'], new Uint8Array(4))
    await writer.append('orders', 0, ['bad-3'], new Uint8Array(4))
    await writer.end('abort')
    await writer.append('orders', 0, ['good'], new Uint8Array(4))
    await writer.end('commit')
    expect(await readFrom(simulation, 0)).toEqual({ values: ['good'], offsets: [4], position: 6 })
    expect((await readFrom(simulation, 0, 'read_uncommitted')).values).toEqual([
      'bad-1',
      'bad-2',
      'bad-3',
      'good',
    ])
  },
)

test('of interleaved producers only the aborted records are left out', async () => {
  const { simulation, port } = await open()
  const a = await BareProducer.open(port, 'a')
  const b = await BareProducer.open(port, 'b')
  const c = await BareProducer.open(port, null)
  await a.append('orders', 0, ['a1-aborted'])
  await b.append('orders', 0, ['b1-aborted'])
  await c.append('orders', 0, ['c1'])
  await b.end('abort')
  await b.append('orders', 0, ['b2'])
  await a.append('orders', 0, ['a2-aborted'])
  await b.end('commit')
  await a.end('abort')
  await a.append('orders', 0, ['a3'])
  await b.append('orders', 0, ['b3-aborted'])
  await b.end('abort')
  await a.end('commit')
  expect((await readFrom(simulation, 0)).values).toEqual(['c1', 'b2', 'a3'])
})

test('one producer may abort several times within one answer', async () => {
  const { simulation, port } = await open()
  const writer = await BareProducer.open(port, 'writer')
  for (const round of ['1', '2', '3']) {
    await writer.append('orders', 0, [`aborted-${round}`])
    await writer.end('abort')
    await writer.append('orders', 0, [`committed-${round}`])
    await writer.end('commit')
  }
  expect((await readFrom(simulation, 0)).values).toEqual([
    'committed-1',
    'committed-2',
    'committed-3',
  ])
})

test('aborted records and their marker may come in different answers, or be read from the middle', async () => {
  const { simulation, port } = await open()
  const writer = await BareProducer.open(port, 'writer')
  const other = await BareProducer.open(port, null)
  for (let each = 0; each < 8; each += 1) await writer.append('orders', 0, [`bad-${each}`])
  await other.append('orders', 0, ['good-1'])
  for (let each = 8; each < 12; each += 1) await writer.append('orders', 0, [`bad-${each}`])
  await writer.end('abort')
  await writer.append('orders', 0, ['good-2'])
  await writer.end('commit')
  const oneBatchAtATime = { partitionBytesMax: 80 }
  const all = await readFrom(simulation, 0, 'read_committed', oneBatchAtATime)
  expect(all).toEqual({ values: ['good-1', 'good-2'], offsets: [8, 14], position: 16 })
  expect((await readFrom(simulation, 5)).values).toEqual(['good-1', 'good-2'])
  expect((await readFrom(simulation, 10)).values).toEqual(['good-2'])
})

test('an open transaction holds back what lies behind it', async () => {
  const { simulation, port } = await open()
  const writer = await BareProducer.open(port, 'writer')
  const fetcher = fetcherOf(port, simulation)
  fetcher.assign('orders', 0, 0)
  await writer.append('orders', 0, ['a'])
  await simulation.clock.advance(1_000)
  expect(readAll(fetcher, 'orders').values).toEqual([])
  await writer.end('commit')
  await simulation.clock.advance(1_000)
  expect(readAll(fetcher, 'orders')).toEqual({ values: ['a'], offsets: [0], position: 2 })
})

test('positions advance over compaction gaps, emptied batches and markers', async () => {
  const simulation = simulate()
  simulation.cluster.createTopic('orders', 1, { 'cleanup.policy': 'compact' })
  const port = await simulation.connect('writer')
  const writer = await BareProducer.open(port, 'writer')
  for (const value of ['1', '2', '3']) {
    await writer.append('orders', 0, [value, `${value}-again`], bytesOf('same'))
    await writer.end('commit')
  }
  const other = await BareProducer.open(port, null)
  await other.append('orders', 0, ['4'], bytesOf('same'))
  simulation.cluster.compact('orders')
  const end = simulation.cluster.endOffset('orders', 0)
  expect(await readFrom(simulation, 0)).toEqual({ values: ['4'], offsets: [9], position: end })
})

test('a transaction without readable records still moves the position', async () => {
  const { simulation, port } = await open()
  const writer = await BareProducer.open(port, 'writer')
  await writer.append('orders', 0, ['bad'])
  await writer.end('abort')
  expect(await readFrom(simulation, 0)).toEqual({ values: [], offsets: [], position: 2 })
})

test('a batch that does not match its CRC stops its partition after what came before it', async () => {
  const { simulation, port } = await open()
  simulation.cluster.createTopic('payments', 1)
  const writer = await BareProducer.open(port, null)
  await writer.append('orders', 0, ['good'])
  await writer.append('payments', 0, ['paid'])
  const spy = fetcherOf(
    {
      ...port,
      fetch: async (...request) =>
        (await port.fetch(...request)).map((answer) => {
          if (answer.topic !== 'orders' || answer.batches.length === 0) return answer
          const batches = Buffer.concat([answer.batches, answer.batches])
          batches[batches.length - 1]! ^= 1
          return { ...answer, batches }
        }),
    },
    simulation,
  )
  spy.assign('orders', 0, 0)
  spy.assign('payments', 0, 0)
  await simulation.clock.advance(1_000)
  const run = spy.take('orders', 0)
  expect(run?.next()).toBe(true)
  expect(textOf(run!.value)).toBe('good')
  expect(() => spy.take('orders', 0)).toThrow(/does not match its CRC/)
  expect(() => spy.take('orders', 0)).toThrow(/does not match its CRC/)
  expect(readAll(spy, 'payments').values).toEqual(['paid'])
})

test('an offset out of range stops its partition until it is assigned again; others go on', async () => {
  const { simulation, port } = await open()
  simulation.cluster.createTopic('payments', 1)
  const writer = await BareProducer.open(port, null)
  await writer.append('orders', 0, ['a', 'b', 'c'])
  simulation.cluster.deleteRecordsBefore('orders', 0, 2)
  const fetcher = fetcherOf(port, simulation)
  fetcher.assign('orders', 0, 0)
  fetcher.assign('payments', 0, 0)
  await simulation.clock.advance(100)
  expect(() => fetcher.take('orders', 0)).toThrow(
    expect.objectContaining({ code: 'OFFSET_OUT_OF_RANGE' }),
  )
  await writer.append('payments', 0, ['paid'])
  await simulation.clock.advance(100)
  expect(readAll(fetcher, 'payments').values).toEqual(['paid'])
  fetcher.assign('orders', 0, 2)
  await simulation.clock.advance(1_000)
  expect(readAll(fetcher, 'orders').values).toEqual(['c'])
})

test('a partition assigned again during a fetch gets nothing of what was under way', async () => {
  const { simulation, port } = await open()
  const writer = await BareProducer.open(port, null)
  for (const value of ['a', 'b', 'c']) await writer.append('orders', 0, [value])
  simulation.cluster.faults.delay(({ api }) => api === 'fetch', 200)
  const fetcher = fetcherOf(port, simulation)
  fetcher.assign('orders', 0, 2)
  await simulation.clock.advance(100)
  fetcher.unassign('orders', 0)
  fetcher.assign('orders', 0, 1)
  await simulation.clock.advance(1_000)
  expect(readAll(fetcher, 'orders')).toEqual({ values: ['b', 'c'], offsets: [1, 2], position: 3 })
})

test('it follows a partition to its new leader', async () => {
  const { simulation, port } = await open({ brokers: 3 })
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
  const { simulation, port } = await open({ brokers: 2 })
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
  const { simulation, port } = await open()
  const { faults } = simulation.cluster
  await (await BareProducer.open(port, null)).append('orders', 0, ['a'])
  faults.loseReply(({ api }) => api === 'fetch', 2)
  faults.refuse(({ api }) => api === 'fetch', 'NOT_LEADER_OR_FOLLOWER')
  faults.loseReply(({ api }) => api === 'metadata', 3)
  expect((await readFrom(simulation, 0)).values).toEqual(['a'])
})

test('a forbidden topic says so at its own partitions only', async () => {
  const { simulation, port } = await open()
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
  const { simulation, port } = await open()
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
  const { simulation, port } = await open()
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
  const { simulation, port } = await open()
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
  const { simulation, port } = await open()
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
  const { simulation, port } = await open()
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
  const { simulation, port } = await open()
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
  const { simulation, port } = await open()
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
  const { simulation, port } = await open()
  let arrivals = 0
  const onArrival = (): void => {
    arrivals += 1
  }
  const fetcher = fetcherOf(port, simulation, { onArrival })
  expect(fetcher.watermarks('orders', 0)).toBeUndefined()
  fetcher.assign('orders', 0, 0)
  await simulation.clock.advance(5_000)
  expect(arrivals).toBe(1)
  expect(fetcher.watermarks('orders', 0)).toEqual({
    highWatermark: 0,
    lastStableOffset: 0,
    logStartOffset: 0,
  })
})

test('a failure now and then does not slow a partition down more and more', async () => {
  const { simulation, port } = await open()
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
  const { simulation, port } = await open()
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
  const { simulation, port } = await open()
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
