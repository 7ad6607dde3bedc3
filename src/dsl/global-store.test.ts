import { describe, expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { GlobalProcessor } from '../topology/global-processor.ts'
import { keyValueStore } from '../topology/key-value-store.ts'
import type { Processor } from '../topology/processor.ts'
import type { TopologyBuilder } from './builder.ts'
import { deadLetters, topic } from './topic.ts'
import { topology, type TopologyOptions } from './topology.ts'

interface Order {
  readonly product: string | null
  readonly amount: number
}
const orders = topic('orders', { key: string, value: json<Order>() })
const products = topic('products', { key: string, value: json<string>() })
const limits = topic('limits', { key: string, value: json<number>() })
const output = topic('output', { key: string, value: json<string>() })

const driverOf = (build: (builder: TopologyBuilder) => void, options: TopologyOptions = {}) =>
  new TopologyTestDriver(topology('shop', options, build))

const limitStore = () => keyValueStore('limits', { key: string, value: json<number>() })

describe('a global store', () => {
  const large: Processor<string, Order, string, string> = {
    process: ({ key, value }, { forward, globalStore }) => {
      const limit = globalStore<string, number>('limits').get('order') ?? Infinity
      if (value.amount > limit) forward({ key, value: `${value.amount} > ${limit}` })
    },
  }

  test('is read by any processor that does not name it', async () => {
    await using driver = driverOf((builder) => {
      builder.addGlobalStore(limitStore(), limits)
      builder.stream(orders).process(large, { name: 'large' }).to(output)
    })
    await driver.input(orders).send('a', { product: null, amount: 9 })
    await driver.input(limits).send('order', 5, { timestampMs: 11 })
    await driver.input(orders).send('b', { product: null, amount: 9 })
    await driver.input(orders).send('c', { product: null, amount: 4 })
    expect(driver.output(output).keyValues()).toEqual([['b', '9 > 5']])
    expect(driver.store<string, number>('limits').getWithTimestamp('order')).toEqual({
      value: 5,
      timestampMs: 11,
    })
  })

  test('refuses to be written by the processors that read it', async () => {
    const writer: Processor<string, Order, never, never> = {
      process: ({ key }, { store }) => store<string, number>('limits').put(key, 1),
    }
    await using driver = driverOf((builder) => {
      builder.addGlobalStore(limitStore(), limits)
      builder.stream(orders).process(writer, { name: 'writer' })
    })
    await expect(
      driver.input(orders).send('a', { product: null, amount: 9 }),
    ).rejects.toMatchObject({
      code: 'INVALID_TOPOLOGY',
      message: 'a step writes to global store "limits", which is made of topic "limits"',
    })
  })

  test('is unknown to a topology that has none', async () => {
    await using driver = driverOf((builder) => {
      builder.stream(orders).process(large, { name: 'large' }).to(output)
    })
    await expect(
      driver.input(orders).send('a', { product: null, amount: 9 }),
    ).rejects.toMatchObject({
      code: 'STORE_MISSING',
      message: 'the topology has no global store "limits", which node "large" asks for',
    })
  })

  test('holds what its own processor puts, which may read the other ones', async () => {
    const seen: unknown[] = []
    let closed = 0
    const named = (): GlobalProcessor<string, number> => ({
      init: ({ record }) => void seen.push(record),
      process: ({ key, value }, { store, globalStore, record, wallClockMs }) => {
        seen.push([record, wallClockMs])
        const name = globalStore<string, string>('products').get(key) ?? key
        const rows = store<string, number>('limits')
        rows.put(name, (rows.get(name) ?? 0) + value)
      },
      close: () => void (closed += 1),
    })
    const driver = driverOf((builder) => {
      builder.addGlobalStore(limitStore(), limits, named)
      builder.globalTable(products, { store: 'products' })
    })
    await driver.input(products).send('tea', 'Assam')
    await driver.input(limits).send('tea', 3, { timestampMs: 5 })
    await driver.input(limits).send('milk', 4, { timestampMs: 6 })
    await driver.input(limits).send('tea', 2, { timestampMs: 4 })
    const rows = driver.store<string, number>('limits')
    expect([...rows.all()]).toEqual([
      ['Assam', 5],
      ['milk', 4],
    ])
    expect(rows.getWithTimestamp('Assam')?.timestampMs).toBe(4)
    expect(seen.slice(0, 2)).toEqual([undefined, [{ topic: 'limits', partition: 0, offset: 0 }, 0]])
    await driver[Symbol.asyncDispose]()
    expect(closed).toBe(1)
  })

  test('leaves out null keys, and records that the extractor does not want', async () => {
    await using driver = driverOf((builder) => {
      const timestamp = (value: number): number => value
      builder.addGlobalStore(limitStore(), limits, { timestamp })
    })
    await driver.input(limits).send(null, 1)
    await driver.input(limits).send('a', -1)
    await driver.input(limits).send('b', 7)
    const rows = driver.store<string, number>('limits')
    expect([...rows.all()]).toEqual([['b', 7]])
    expect(rows.getWithTimestamp('b')?.timestampMs).toBe(7)
    expect(driver.counters).toMatchObject({ dropped: 2, globalRecords: 3, processed: 0 })
  })
})

describe('a record of a global topic that fails', () => {
  const failed = deadLetters('failed')
  const explosive: GlobalProcessor<string, number> = {
    process: ({ key, value }, { store }) => {
      if (value === 13) throw new Error('unlucky')
      store<string, number>('limits').put(key, value)
    },
  }
  const sendAll = async (driver: TopologyTestDriver): Promise<void> => {
    await driver.input(limits).send('a', 1)
    await driver.input(limits).sendBytes(Buffer.from('b'), Buffer.from('no JSON'))
    await driver.input(limits).send('c', 13)
    await driver.input(limits).send('d', 4)
  }

  test('is skipped where others go to the dead letters, and is not one of those', async () => {
    await using driver = driverOf(
      (builder) => builder.addGlobalStore(limitStore(), limits, explosive),
      { deadLetters: failed },
    )
    await sendAll(driver)
    expect([...driver.store('limits').all()]).toEqual([
      ['a', 1],
      ['d', 4],
    ])
    expect(driver.deadLetters()).toEqual([])
    expect(driver.counters).toMatchObject({ skipped: 2, globalRecords: 4 })
  })

  test('stops a topology that stops at failures, unless its source skips what is unreadable', async () => {
    await using strict = driverOf((builder) =>
      builder.addGlobalStore(limitStore(), limits, explosive),
    )
    await expect(sendAll(strict)).rejects.toMatchObject({ code: 'SERDE_FAILED' })
    await using lenient = driverOf((builder) =>
      builder.addGlobalStore(limitStore(), limits, explosive, { onBadRecord: 'skip' }),
    )
    await expect(sendAll(lenient)).rejects.toMatchObject({
      code: 'PROCESSING_FAILED',
      message: 'step "global-process(limits)" failed: unlucky',
    })
  })
})
