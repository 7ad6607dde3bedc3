import { expect, test } from 'vitest'
import { deadLetters, topology } from 'millrace'
import { silentLogger } from '../../core/logger.ts'
import { noHeaders } from '../../core/record.ts'
import { RecordProducer } from '../../kafka/client/producer.ts'
import type { SimulatedRequest } from '../../kafka/memory/requests.ts'
import { Disk } from '../disk.fixtures.ts'
import { Simulation } from '../simulation.fixtures.ts'
import { manyProducts, products, readBy, shop, Shop, shopWith } from './shop.fixtures.ts'

const readsProducts = ({ api, partitions }: SimulatedRequest): boolean =>
  api === 'fetch' && partitions.some(({ topic }) => topic === 'products')

test('what is in a global topic is read before the first record, and before tasks are taken', async () => {
  using sale = new Shop()
  sale.name(...manyProducts)
  const { faults } = sale.simulation.cluster
  faults.delay(readsProducts, 300, Infinity)
  let joinedAfter: number | undefined
  await sale.run(async () => {
    const life = sale.start()
    faults.onRequest(({ api }) => api === 'joinGroup', {
      before: () => {
        joinedAfter ??= readBy(life)
        return undefined
      },
    })
    await sale.order('p0', 'p250', 'p499')
    expect(life.states.slice(0, 3)).toEqual(['starting', 'rebalancing', 'running'])
  })
  expect(joinedAfter).toBe(500)
  expect(sale.sold).toEqual(['p0 is product 0', 'p250 is product 250', 'p499 is product 499'])
})

test('a topic is followed while records are processed, tombstones too', async () => {
  using sale = new Shop()
  await sale.run(async () => {
    const life = sale.start()
    await sale.order('tea')
    for (const name of ['Assam', 'Darjeeling', null, 'Earl Grey']) {
      sale.name(['tea', name])
      await sale.untilFollowed(life)
      await sale.order('tea')
    }
    expect(sale.nameIn(life, 'tea')).toBe('"Earl Grey"')
  })
  expect(sale.simulation.committed('output').flat()).toHaveLength(5)
  expect(sale.sold).toEqual([
    'tea is Assam',
    'tea is Darjeeling',
    'tea is Earl Grey',
    'tea is null',
    'tea is null',
  ])
})

test('every thread has all rows, whatever partitions its tasks read', async () => {
  using sale = new Shop()
  sale.name(...manyProducts)
  await sale.run(async () => {
    const lives = [
      sale.start({ clientId: 'one', threadIndex: 0 }),
      sale.start({ clientId: 'two', threadIndex: 1 }),
    ]
    await sale.simulation.until(
      () => lives.every(({ thread }) => thread.tasks.length === 1),
      'each has a task',
    )
    await sale.order('p1', 'p2', 'p3', 'p4')
    for (const life of lives) expect(sale.nameIn(life, 'p77')).toBe('"product 77"')
    await sale.simulation.stopAll()
  })
  expect(sale.sold).toHaveLength(4)
  expect(sale.sold.filter((text) => text.endsWith('null'))).toEqual([])
})

test('aborted records are not seen, and an open transaction holds nobody up', async () => {
  using sale = new Shop()
  const { simulation } = sale
  await sale.run(async () => {
    const port = await simulation.connect('writer')
    const open = async (transactionalId: string, name: string) => {
      const producer = new RecordProducer({
        port,
        clock: simulation.clock,
        logger: silentLogger,
        transactionalId,
        transactionTimeoutMs: 900_000,
        compression: 'none',
        lingerMs: 0,
        onProgress: () => {},
      })
      await producer.init()
      const value = Buffer.from(JSON.stringify(name))
      producer.send('products', 0, simulation.clock.nowMs(), Buffer.from('tea'), value, noHeaders)
      await producer.flush()
      return producer
    }
    sale.name(['tea', 'Assam'])
    await (await open('aborted', 'never')).close()
    const successor = await open('aborted', 'open')
    const beganAtMs = simulation.clock.nowMs()
    sale.start()
    await sale.order('tea')
    expect(simulation.clock.nowMs() - beganAtMs).toBeLessThan(5_000)
    await successor.close()
  })
  expect(sale.sold).toEqual(['tea is Assam'])
})

test('compaction leaves the same rows, also behind the local copy', async () => {
  using sale = new Shop()
  const { cluster } = sale.simulation
  sale.name(...manyProducts, ...manyProducts.map(([key]) => [key, `new ${key}`] as const))
  sale.name(['p0', null], ['p1', 'last'])
  await sale.run(async () => {
    const first = sale.start()
    await sale.order('p0', 'p1', 'p2')
    await first.stop()
    sale.name(['p2', 'late'], ['p2', 'later'], ['p1', null], ...manyProducts.slice(10, 20))
    cluster.compact('products', { tombstones: 'kept' })
    const second = sale.start()
    await sale.order('p0', 'p1', 'p2', 'p3')
    await second.stop()
    cluster.compact('products', { tombstones: 'removed' })
    sale.start({ disk: new Disk() })
    await sale.order('p1', 'p2', 'p4')
  })
  expect(sale.sold).toEqual([
    'p0 is null',
    'p0 is null',
    'p1 is last',
    'p1 is null',
    'p1 is null',
    'p2 is later',
    'p2 is later',
    'p2 is new p2',
    'p3 is new p3',
    'p4 is new p4',
  ])
})

test('a leader that moves, and a broker that is away, are waited out', async () => {
  using sale = new Shop(shop, new Simulation({ brokers: 3 }))
  const { faults } = sale.simulation.cluster
  sale.name(...manyProducts)
  await sale.run(async () => {
    let reads = 0
    faults.onRequest(readsProducts, {
      before: () => {
        reads += 1
        if (reads === 1) faults.moveLeader({ topic: 'products', partition: 0 })
        return undefined
      },
    })
    const life = sale.start()
    await sale.order('p1')
    const leader = sale.simulation.cluster.leaderOf('products', 1)
    faults.brokerDown(leader)
    sale.name(['p1', 'moved'], ['p2', 'moved'], ['p3', 'moved'])
    await sale.untilFollowed(life)
    await sale.order('p1', 'p2', 'p3')
    faults.brokerUp(leader)
  })
  expect(sale.sold).toEqual(['p1 is moved', 'p1 is product 1', 'p2 is moved', 'p3 is moved'])
})

test('partitions that are added to a global topic are read too', async () => {
  using sale = new Shop()
  const { simulation } = sale
  await sale.run(async () => {
    const life = sale.start()
    await sale.order('p1')
    simulation.cluster.addPartitions('products', 5)
    const [topicName, timestampMs] = ['products', simulation.clock.nowMs()]
    const records = manyProducts.map(([key, name]) => ({
      topic: topicName,
      key,
      value: JSON.stringify(name),
      timestampMs,
    }))
    simulation.write(records, 5)
    await simulation.until(() => readBy(life) === 500, 'the new partitions are found')
    await sale.order('p1', 'p2', 'p3', 'p4', 'p5')
    await life.stop()
    // As a restart remembers.
    const second = sale.start()
    await sale.order('p6')
    expect(readBy(second)).toBe(0)
  })
  expect(sale.sold.slice(1)).toEqual([
    'p1 is product 1',
    'p2 is product 2',
    'p3 is product 3',
    'p4 is product 4',
    'p5 is product 5',
    'p6 is product 6',
  ])
})

test('a topic that loses what comes next, while it is followed, is read anew', async () => {
  using sale = new Shop()
  const { cluster, clock } = sale.simulation
  sale.name(...manyProducts)
  await sale.run(async () => {
    const life = sale.start()
    await sale.order('p1')
    const thaw = life.freeze()
    sale.name(...manyProducts)
    for (const partition of [0, 1]) {
      cluster.deleteRecordsBefore('products', partition, cluster.endOffset('products', partition))
    }
    sale.name(['p2', 'kept'])
    sale.write('p1', 'p2')
    await clock.sleep(400)
    thaw()
    await sale.simulation.until(
      () => life.thread.snapshot().counters.migrations > 0 && sale.hasCommitted(),
      'it has begun anew',
    )
    await sale.order('p2')
    expect(sale.nameIn(life, 'p1')).toBeUndefined()
    expect(life.thread.snapshot().counters.migrations).toBe(1)
  })
  expect(sale.sold).toContain('p2 is kept')
  expect(sale.disk.wiped).toEqual([])
})

test('a topology of nothing but a global table runs, to be asked', async () => {
  using sale = new Shop(
    topology('shop', (builder) => void builder.globalTable(products, { store: 'products' })),
  )
  sale.name(['tea', 'Assam'])
  await sale.run(async () => {
    const life = sale.start()
    await sale.simulation.until(() => life.thread.state === 'running', 'it runs')
    expect(sale.nameIn(life, 'tea')).toBe('"Assam"')
    sale.name(['tea', 'Darjeeling'])
    await sale.untilFollowed(life)
    expect(sale.nameIn(life, 'tea')).toBe('"Darjeeling"')
    expect(await life.stop()).toBeUndefined()
  })
})

test('a global topic that does not exist is said before anything is processed', async () => {
  using sale = new Shop()
  await sale.run(async () => {
    const port = await sale.simulation.connect('admin')
    await port.deleteTopics(['products'])
    sale.write('tea')
    const life = sale.start()
    expect(await life.ended).toMatchObject({
      code: 'TOPIC_MISSING',
      message: 'global topic "products" does not exist',
    })
  })
  expect(sale.sold).toEqual([])
})

test('a record that cannot be read stops the application, again and again', async () => {
  using sale = new Shop()
  sale.name(['milk', 'Milk'], ['tea', undefined], ['tea', 'Assam'])
  await sale.run(async () => {
    for (let start = 0; start < 2; start += 1) {
      const life = sale.start()
      expect(await life.ended).toMatchObject({
        code: 'SERDE_FAILED',
        message: 'the record at products-0 offset 0 cannot be read',
      })
    }
  })
})

test('a record that cannot be read is skipped where failures are dead letters, which it is not', async () => {
  using sale = new Shop(shopWith({ deadLetters: deadLetters('failed') }))
  sale.simulation.cluster.createTopic('failed', 2)
  sale.name(['milk', 'Milk'], ['tea', undefined], ['tea', 'Assam'])
  await sale.run(async () => {
    const life = sale.start()
    await sale.order('tea', 'milk')
    expect(life.thread.snapshot().counters).toMatchObject({ skipped: 1, deadLetters: 0 })
    expect(life.notes).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        message: 'record of a global topic skipped',
        fields: expect.objectContaining({ topic: 'products', offset: 0 }),
      }),
    )
  })
  expect(sale.sold).toEqual(['milk is Milk', 'tea is Assam'])
})

test('a thread that is stopped while it reads ends soon, and keeps what it has read', async () => {
  // Each partition on a broker of its own.
  using sale = new Shop(shop, new Simulation({ brokers: 2 }))
  sale.name(...manyProducts)
  const { faults } = sale.simulation.cluster
  await sale.run(async () => {
    const beganAtMs = sale.simulation.clock.nowMs()
    const isOfSecond = ({ partitions }: SimulatedRequest): boolean =>
      partitions.some(({ partition }) => partition === 1)
    const cancel = faults.refuse(
      (request) => readsProducts(request) && isOfSecond(request),
      'NOT_LEADER_OR_FOLLOWER',
      Infinity,
    )
    const first = sale.start({ checkpointIntervalMs: 0 })
    await sale.simulation.clock.sleep(5_000)
    expect(first.thread.state).toBe('starting')
    expect(readBy(first)).toBeGreaterThan(200)
    expect(await first.stop()).toBeUndefined()
    expect(sale.simulation.clock.nowMs() - beganAtMs).toBeLessThan(6_000)
    cancel()
    const second = sale.start()
    await sale.order('p1')
    expect(readBy(first) + readBy(second)).toBe(500)
  })
  expect(sale.sold).toEqual(['p1 is product 1'])
})
