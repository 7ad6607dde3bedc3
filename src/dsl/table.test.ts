import { describe, expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver, type TestDriverOptions } from '../testing/topology-test-driver.ts'
import type { TopologyBuilder } from './builder.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

interface Customer {
  readonly city: string
  readonly orders: number
}
const customers = topic('customers', { key: string, value: json<Customer>() })
const output = topic('output', { key: string, value: json<unknown>() })

const driverOf = (build: (builder: TopologyBuilder) => void, options?: TestDriverOptions) =>
  new TopologyTestDriver(topology('shop', build), options)

const customer = (city: string, orders = 0): Customer => ({ city, orders })

describe('a table', () => {
  test('keeps the latest value of each key and forgets what is deleted', async () => {
    await using driver = driverOf((builder) =>
      builder.table(customers, { store: 'customers' }).toStream().to(output),
    )
    const input = driver.input(customers)
    await input.send('ann', customer('Oslo'), { timestampMs: 5 })
    await input.send('bob', customer('Rome'), { timestampMs: 6 })
    await input.send('ann', customer('Bonn'), { timestampMs: 4 })
    await input.send('bob', null, { timestampMs: 7 })
    await input.send(null, customer('Nowhere'))
    expect([...driver.store('customers').all()]).toEqual([['ann', customer('Bonn')]])
    expect(driver.store('customers').getWithTimestamp('ann')?.timestampMs).toBe(4)
    expect(driver.output(output).keyValues()).toEqual([
      ['ann', customer('Oslo')],
      ['bob', customer('Rome')],
      ['ann', customer('Bonn')],
      ['bob', null],
    ])
    expect(driver.counters.dropped).toBe(1)
  })

  test('of a filter says that a row is gone when it fails the predicate', async () => {
    await using driver = driverOf((builder) =>
      builder
        .table(customers, { store: 'customers' })
        .filter(({ city }) => city === 'Oslo', { store: 'in-oslo' })
        .mapValues(({ orders }) => orders)
        .toStream()
        .to(output),
    )
    for (const city of ['Oslo', 'Rome']) {
      await driver.input(customers).send('ann', customer(city, 1))
      await driver.input(customers).send('bob', customer(city, 2))
    }
    await driver.input(customers).send('bob', customer('Oslo', 3))
    expect(driver.output(output).keyValues()).toEqual([
      ['ann', 1],
      ['bob', 2],
      ['ann', null],
      ['bob', null],
      ['bob', 3],
    ])
    expect([...driver.store('in-oslo').all()]).toEqual([['bob', customer('Oslo', 3)]])
  })

  test('moves a row from its old group to its new one', async () => {
    await using driver = driverOf((builder) =>
      builder
        .table(customers, { store: 'customers' })
        .groupBy(({ city, orders }) => [{ city }, orders], { name: 'by-city', key: json() })
        .aggregate(
          () => 0,
          (orders, sum) => sum + orders,
          (orders, sum) => sum - orders,
          { store: 'orders-by-city' },
        )
        .toStream()
        .map((sum, { key }) => [key.city, sum])
        .to(output),
    )
    const input = driver.input(customers)
    await input.send('ann', customer('Oslo', 1))
    await input.send('bob', customer('Oslo', 2))
    // Groups are equal when Kafka sees the same bytes: this is one update of one group.
    await input.send('ann', customer('Oslo', 10))
    await input.send('ann', customer('Rome', 10))
    await input.send('bob', null)
    expect(driver.output(output).keyValues()).toEqual([
      ['Oslo', 1],
      ['Oslo', 3],
      ['Oslo', 12],
      ['Oslo', 2],
      ['Rome', 10],
      ['Oslo', 0],
    ])
  })

  test('of counts has no group for a key that is counted for the first time', async () => {
    await using driver = driverOf((builder) =>
      builder
        .stream(customers)
        .groupByKey()
        .count({ store: 'visits' })
        .groupBy((visits) => [visits > 1 ? 'again' : 'once', visits], { name: 'by-loyalty' })
        .count({ store: 'by-loyalty' })
        .toStream()
        .to(output),
    )
    for (const key of ['ann', 'bob', 'ann'])
      await driver.input(customers).send(key, customer('Oslo'))
    expect(driver.output(output).keyValues()).toEqual([
      ['once', 1],
      ['once', 2],
      ['once', 1],
      ['again', 1],
    ])
  })

  test('behind a cache announces the last of several updates, with what was there before', async () => {
    await using driver = driverOf(
      (builder) =>
        builder
          .stream(customers)
          .flatMapValues(({ orders }) => Array.from({ length: orders }, (_, i) => i))
          .groupByKey()
          .count({ store: 'orders' })
          .groupBy((orders) => ['all', orders], { name: 'all' })
          .reduce(
            (sum, orders) => sum + orders,
            (sum, orders) => sum - orders,
            { store: 'all-orders' },
          )
          .toStream()
          .to(output),
      { cacheMaxBytes: 1_000_000 },
    )
    await driver.input(customers).send('ann', customer('Oslo', 3))
    await driver.input(customers).send('bob', customer('Oslo', 2))
    await driver.input(customers).send('ann', customer('Oslo', 2))
    expect(driver.output(output).values()).toEqual([3, 5, 7])
  })
})
