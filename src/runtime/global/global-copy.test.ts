import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { topology } from 'millrace'
import { StreamsError } from '../../core/errors.ts'
import { Disk } from '../disk.fixtures.ts'
import { directoryStorage } from '../state-directory/directory-storage.ts'
import { manyProducts, products, readBy, Shop } from './shop.fixtures.ts'

const NEVER_MS = 1_000_000_000

test('a restart goes on from the local copy', async () => {
  using sale = new Shop()
  sale.name(...manyProducts)
  await sale.run(async () => {
    const first = sale.start()
    await sale.order('p1')
    expect(await first.stop()).toBeUndefined()
    sale.name(['p1', 'another'], ['p2', null])
    const second = sale.start()
    await sale.order('p1', 'p2', 'p3')
    expect(readBy(second)).toBe(2)
    await sale.simulation.stopAll()
  })
  expect(sale.sold).toEqual(['p1 is another', 'p1 is product 1', 'p2 is null', 'p3 is product 3'])
  expect(sale.disk.wiped).toEqual([])
})

test('a restart after a crash goes on from what was on disk by then', async () => {
  using sale = new Shop()
  sale.name(...manyProducts)
  await sale.run(async () => {
    const first = sale.start({ checkpointIntervalMs: NEVER_MS })
    await sale.order('p1')
    // Read, but in memory only.
    sale.name(['p1', 'another'], ['p2', 'another'])
    await sale.untilFollowed(first)
    expect(readBy(first)).toBe(502)
    first.crash()
    const second = sale.start()
    await sale.order('p1', 'p2')
    expect(readBy(second)).toBe(2)
  })
  expect(sale.sold).toEqual(['p1 is another', 'p1 is product 1', 'p2 is another'])
})

test('a restart without a local copy reads everything', async () => {
  using sale = new Shop()
  sale.name(...manyProducts)
  await sale.run(async () => {
    const first = sale.start()
    await sale.order('p1')
    await first.stop()
    const second = sale.start({ disk: new Disk() })
    await sale.order('p1', 'p499')
    expect(readBy(second)).toBe(500)
  })
  expect(sale.sold).toEqual(['p1 is product 1', 'p1 is product 1', 'p499 is product 499'])
})

test('a copy that the topic does not reach back to is removed and read anew', async () => {
  using sale = new Shop()
  const { cluster } = sale.simulation
  sale.name(...manyProducts)
  await sale.run(async () => {
    const first = sale.start()
    await sale.order('p1')
    await first.stop()
    sale.name(...manyProducts.slice(0, 250))
    for (const partition of [0, 1]) {
      cluster.deleteRecordsBefore('products', partition, cluster.endOffset('products', partition))
    }
    sale.name(['p2', 'kept'])
    const second = sale.start()
    await sale.order('p1', 'p2')
    expect(readBy(second)).toBe(1)
  })
  expect(sale.sold).toEqual(['p1 is null', 'p1 is product 1', 'p2 is kept'])
})

test('a topic that was created anew is another one, also while it is followed', async () => {
  using sale = new Shop()
  const { cluster, clock } = sale.simulation
  const createAnew = async (name: string): Promise<void> => {
    const port = await sale.simulation.connect('admin')
    await port.deleteTopics(['products'])
    cluster.createTopic('products', 2)
    sale.name(...manyProducts.slice(0, 400).map(([key]) => [key, name] as const))
    // As long as the topic before: positions alone tell nothing.
    sale.name(...manyProducts.slice(0, 100).map(([key]) => [key, name] as const))
  }
  sale.name(...manyProducts)
  await sale.run(async () => {
    const first = sale.start()
    await sale.order('p1')
    await first.stop()
    await createAnew('second')
    const second = sale.start()
    await sale.order('p1', 'p499')
    expect(readBy(second)).toBe(500)
    await createAnew('third')
    await clock.sleep(120_000)
    await sale.order('p1', 'p499')
    expect(second.thread.snapshot().counters.migrations).toBe(1)
    await sale.simulation.stopAll()
  })
  expect(sale.sold).toEqual([
    'p1 is product 1',
    'p1 is second',
    'p1 is third',
    'p499 is null',
    'p499 is null',
  ])
})

test('files that cannot be opened are removed, and the topics read again', async () => {
  using sale = new Shop()
  sale.name(...manyProducts)
  await sale.run(async () => {
    const first = sale.start()
    await sale.order('p1')
    await first.stop()
    sale.disk.corrupted.add('global-0')
    const second = sale.start()
    await sale.order('p1')
    expect(readBy(second)).toBe(500)
  })
  expect(sale.disk.wiped).toEqual(['global-0'])
  expect(sale.sold).toEqual(['p1 is product 1', 'p1 is product 1'])
})

test('files that turn out to be broken when a task reads them cost no task its own', async () => {
  using sale = new Shop()
  sale.name(...manyProducts)
  await sale.run(async () => {
    const first = sale.start()
    await sale.order('p1')
    await first.stop()
    const second = sale.start()
    await sale.order('p2')
    sale.disk.brokenInside.add('global-0')
    await sale.order('p3', 'p4')
    expect(second.thread.snapshot().counters.migrations).toBe(1)
    expect(readBy(second)).toBe(500)
    await sale.simulation.stopAll()
  })
  expect(sale.disk.wiped).toEqual(['global-0'])
  expect(sale.sold).toEqual([
    'p1 is product 1',
    'p2 is product 2',
    'p3 is product 3',
    'p4 is product 4',
  ])
})

test('a copy of another topic, or made in another manner, is not taken for this one', async () => {
  using sale = new Shop()
  const { cluster } = sale.simulation
  cluster.createTopic('goods', 2)
  sale.name(...manyProducts)
  const goods = { ...products, name: 'goods' }
  const ofGoods = topology(
    'shop',
    (builder) => void builder.globalTable(goods, { store: 'products' }),
  )
  await sale.run(async () => {
    const first = sale.start()
    await sale.order('p1')
    await first.stop()
    const second = sale.start({ topology: ofGoods })
    await sale.simulation.until(() => second.thread.state === 'running', 'it runs')
    expect(sale.nameIn(second, 'p1')).toBeUndefined()
    await second.stop()
    const third = sale.start()
    await sale.order('p1')
    expect(readBy(third)).toBe(500)
  })
})

test('a disk that is full stops the application', async () => {
  using sale = new Shop()
  sale.name(...manyProducts)
  sale.disk.onWrite = () => {
    throw new StreamsError('STATE_DIRECTORY_UNUSABLE', { message: 'no space', hint: 'Free some.' })
  }
  await sale.run(async () => {
    const life = sale.start()
    expect(await life.ended).toMatchObject({ code: 'STATE_DIRECTORY_UNUSABLE' })
  })
})

test('a copy on a real disk is there after a crash', async () => {
  const path = await mkdtemp(join(tmpdir(), 'millrace-global-'))
  using sale = new Shop()
  sale.name(...manyProducts)
  await sale.run(async () => {
    const storage = directoryStorage(path)
    const first = sale.start({ storage, checkpointIntervalMs: 0 })
    await sale.order('p1')
    first.crash()
    await first.ended
    const second = sale.start({ storage })
    await sale.order('p2')
    expect(readBy(second)).toBe(0)
    await sale.simulation.stopAll()
    expect(directoryStorage(path).tasks()).toEqual([])
  })
  expect(sale.sold).toEqual(['p1 is product 1', 'p2 is product 2'])
  await rm(path, { recursive: true })
})

test.each([
  ['torn', (file: string) => truncate(file, 20_000)],
  ['not what was written', (file: string) => writeFile(file, 'something else')],
])('a copy on a real disk that is %s is read anew', async (_, damage) => {
  const path = await mkdtemp(join(tmpdir(), 'millrace-global-'))
  using sale = new Shop()
  sale.name(...manyProducts)
  await sale.run(async () => {
    const storage = directoryStorage(path)
    const first = sale.start({ storage })
    await sale.order('p1')
    await first.stop()
    await damage(join(path, 'global-0', 'data.mdb'))
    const second = sale.start({ storage })
    await sale.order('p2')
    expect(readBy(second)).toBe(500)
    await sale.simulation.stopAll()
  })
  expect(sale.sold).toEqual(['p1 is product 1', 'p2 is product 2'])
  await rm(path, { recursive: true })
})
