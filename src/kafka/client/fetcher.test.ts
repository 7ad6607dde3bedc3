import { expect, test } from 'vitest'
import { BareProducer, bytesOf, simulate, textOf } from './client.fixtures.ts'
import { fetcherOf, openOrders, readAll, readFrom } from './fetcher.fixtures.ts'

test('records arrive with their keys, times and headers, in offset order', async () => {
  const { simulation, port } = await openOrders()
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
  expect(fetcher.watermarks('orders', 0)).toMatchObject({
    highWatermark: 3,
    lastStableOffset: 3,
    logStartOffset: 0,
  })
})

test('records below the offset asked for are skipped, though their batch is fetched', async () => {
  const { simulation, port } = await openOrders()
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
    const { simulation, port } = await openOrders({ transactionVersion })
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
  const { simulation, port } = await openOrders()
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
  const { simulation, port } = await openOrders()
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
  const { simulation, port } = await openOrders()
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
  const { simulation, port } = await openOrders()
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
  const { simulation, port } = await openOrders()
  const writer = await BareProducer.open(port, 'writer')
  await writer.append('orders', 0, ['bad'])
  await writer.end('abort')
  expect(await readFrom(simulation, 0)).toEqual({ values: [], offsets: [], position: 2 })
})

test('a batch that does not match its CRC stops its partition after what came before it', async () => {
  const { simulation, port } = await openOrders()
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
  const { simulation, port } = await openOrders()
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
  const { simulation, port } = await openOrders()
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
