import { expect, test } from 'vitest'
import { BareProducer } from './client.fixtures.ts'
import { fetcherOf, openOrders, readAll } from './fetcher.fixtures.ts'

test('a partition may end in the middle of a batch, for whoever reads it', async () => {
  const { simulation, port } = await openOrders()
  const writer = await BareProducer.open(port, null)
  await writer.append('orders', 0, ['a', 'b', 'c', 'd'])
  await writer.append('orders', 0, ['e'])
  const fetcher = fetcherOf(port, simulation)
  fetcher.assign('orders', 0, 1, 3)
  await simulation.clock.advance(1_000)
  expect(readAll(fetcher, 'orders')).toEqual({ values: ['b', 'c'], offsets: [1, 2], position: 3 })
  expect(fetcher.watermarks('orders', 0)).toMatchObject({ highWatermark: 3, lastStableOffset: 3 })
  await writer.append('orders', 0, ['f'])
  await simulation.clock.advance(1_000)
  expect(readAll(fetcher, 'orders').values).toEqual([])
})

test('it may end behind what it ever was, and goes on until then', async () => {
  const { simulation, port } = await openOrders()
  const writer = await BareProducer.open(port, null)
  await writer.append('orders', 0, ['a'])
  const fetcher = fetcherOf(port, simulation)
  fetcher.assign('orders', 0, 0, 3)
  await simulation.clock.advance(1_000)
  expect(readAll(fetcher, 'orders').values).toEqual(['a'])
  await writer.append('orders', 0, ['b', 'c', 'd'])
  await simulation.clock.advance(1_000)
  expect(readAll(fetcher, 'orders')).toEqual({ values: ['b', 'c'], offsets: [1, 2], position: 3 })
})

test('one that begins at its end is not asked for, and known to have nothing', async () => {
  const { simulation, port } = await openOrders()
  await (await BareProducer.open(port, null)).append('orders', 0, ['a', 'b'])
  const fetcher = fetcherOf(await simulation.connect('reader'), simulation)
  fetcher.assign('orders', 0, 1, 1)
  expect(fetcher.watermarks('orders', 0)).toMatchObject({ highWatermark: 1, lastStableOffset: 1 })
  await simulation.clock.advance(1_000)
  expect(readAll(fetcher, 'orders').values).toEqual([])
  const { requests } = simulation.cluster.faults
  expect(requests.filter(({ api, clientId }) => api === 'fetch' && clientId === 'reader')).toEqual(
    [],
  )
})

test('what ends behind a marker ends there', async () => {
  const { simulation, port } = await openOrders()
  const writer = await BareProducer.open(port, 'writer')
  await writer.append('orders', 0, ['a', 'b'])
  await writer.end('commit')
  await writer.append('orders', 0, ['c'])
  await writer.end('commit')
  const fetcher = fetcherOf(port, simulation)
  fetcher.assign('orders', 0, 0, 3)
  await simulation.clock.advance(1_000)
  expect(readAll(fetcher, 'orders')).toEqual({ values: ['a', 'b'], offsets: [0, 1], position: 3 })
})
