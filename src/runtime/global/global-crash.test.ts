import { expect, test } from 'vitest'
import { json, keyValueStore, string, topic, topology, type GlobalProcessor } from 'millrace'
import { partitionForKey } from '../../kafka/wire/murmur2.ts'
import { breakEach, faultNames } from '../crash.fixtures.ts'
import { Disk } from '../disk.fixtures.ts'
import type { Scenario } from '../scenarios.fixtures.ts'
import { bytesOf, Simulation, START_MS, textOf, type InputRecord } from '../simulation.fixtures.ts'
import { shop } from './shop.fixtures.ts'

const record = (topicName: string, key: string, value: string, index: number): InputRecord => ({
  topic: topicName,
  key,
  value,
  timestampMs: START_MS - 100_000 + index,
})

const productOf = (index: number): string => `p${index % 7}`

/** Orders of products whose names are there from the start. */
function shopScenario(orders: number, waves: number): Scenario {
  const names = Array.from({ length: 14 }, (_, index) =>
    record('products', productOf(index), JSON.stringify(`name ${index}`), index),
  )
  const sold = Array.from({ length: orders }, (_, index) =>
    record('orders', `order ${index}`, productOf(index), index),
  )
  const size = Math.ceil(orders / waves)
  return {
    topology: shop,
    topics: ['orders', 'products', 'output'],
    before: names,
    waves: Array.from({ length: waves }, (_, wave) => sold.slice(wave * size, (wave + 1) * size)),
    inputs: ['orders'],
    expectExact: (simulation) => {
      const lines = simulation
        .committed('output')
        .map((partition) => partition.map(({ key, value }) => `${textOf(key)}: ${textOf(value)}`))
      const expected = [0, 1].map((partition) =>
        sold
          .filter(({ key }) => partitionForKey(bytesOf(key ?? ''), 2) === partition)
          .map(({ key, value }) => `${key}: ${value} is name ${Number(value?.slice(1)) + 7}`),
      )
      expect(lines).toEqual(expected)
    },
    expectNothingLost: () => {},
  }
}

test.each(['same process', 'other process'] as const)(
  'whatever becomes of a request, the rows are there before the orders (%s takes over)',
  async (successor) => {
    await breakEach({ scenario: shopScenario(24, 3), successor }, faultNames)
  },
)

const visits = topic('visits', { key: string, value: json<number>() })

/** Adds up: what is applied twice shows. */
const summing: GlobalProcessor<string, number> = {
  process: ({ key, value }, { store }) => {
    const sums = store<string, number>('sums')
    sums.put(key, (sums.get(key) ?? 0) + value)
  },
}
const sums = topology('sums', (builder) => {
  const store = keyValueStore('sums', { key: string, value: json<number>() })
  builder.addGlobalStore(store, visits, summing)
})

test('rows and positions are on disk together, wherever a crash falls', async () => {
  const records = Array.from({ length: 400 }, (_, index) =>
    record('visits', `page-${index % 11}`, String(index), index),
  )
  const expected = new Map<string, number>()
  for (const { key, value } of records) {
    expected.set(key ?? '', (expected.get(key ?? '') ?? 0) + Number(value))
  }
  using simulation = new Simulation()
  simulation.cluster.createTopic('visits', 2)
  const disk = new Disk()
  let crashes = 0
  await simulation.clock.run(async () => {
    for (let from = 0; from < records.length; from += 20) {
      const life = simulation.start({
        topology: sums,
        disk,
        clientId: `life-${from}`,
        checkpointIntervalMs: from % 40 === 0 ? 0 : 30,
      })
      let writes = 0
      disk.onWrite = () => {
        writes += 1
        if (writes < 1 + (from % 3)) return
        crashes += 1
        life.crash()
      }
      simulation.write(records.slice(from, from + 20))
      await simulation.clock.sleep(from % 100)
      life.crash()
      await life.ended
    }
    disk.onWrite = () => {}
    const last = simulation.start({ topology: sums, disk, clientId: 'last' })
    await simulation.until(() => last.thread.state === 'running', 'it runs')
    expect(await last.stop()).toBeUndefined()
  })
  expect(crashes).toBeGreaterThan(5)
  const rows = [...disk.backend('global-0').store('sums').range(null, null, 'forward')].map(
    ([key, value]) => [textOf(key), Number(textOf(value.subarray(8)))] as const,
  )
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(expected))
})
