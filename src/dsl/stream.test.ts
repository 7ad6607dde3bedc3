import { describe, expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { int32 } from '../serde/number.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { TopologyBuilder } from './builder.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

interface Order {
  readonly customer: string
  readonly amount: number
}
const orders = topic('orders', { key: string, value: json<Order>() })
const webOrders = topic('orders.web', { key: string, value: json<Order>() })
const output = topic('output', { key: string, value: json<unknown>() })

const driverOf = (build: (builder: TopologyBuilder) => void) =>
  new TopologyTestDriver(topology('shop', build))

const order = (customer: string, amount: number): Order => ({ customer, amount })

describe('a stream', () => {
  test('keeps timestamp and headers of a record through every step', async () => {
    await using driver = driverOf((builder) =>
      builder
        .stream(orders)
        .filter(({ amount }) => amount > 0)
        .map(({ customer, amount }) => [customer, amount])
        .flatMapValues((amount) => [amount, -amount])
        .to(output),
    )
    const headers = [['trace', Buffer.from('t-1')]] as const
    await driver.input(orders).send('o-1', order('ann', 5), { timestampMs: 7, headers })
    expect(driver.output(output).records()).toEqual([
      { key: 'ann', value: 5, timestampMs: 7, headers, partition: 0 },
      { key: 'ann', value: -5, timestampMs: 7, headers, partition: 0 },
    ])
  })

  test('of several topics has the records of each', async () => {
    await using driver = driverOf((builder) => {
      builder.stream([orders, webOrders]).to(output)
      builder
        .stream(webOrders)
        .mapValues(({ amount }) => amount)
        .to(output)
    })
    await driver.input(orders).send('o-1', order('ann', 1))
    await driver.input(webOrders).send('o-2', order('bob', 2))
    expect(driver.output(output).keyValues()).toEqual([
      ['o-1', order('ann', 1)],
      ['o-2', order('bob', 2)],
      ['o-2', 2],
    ])
  })

  test('merged with itself gives every record twice', async () => {
    await using driver = driverOf((builder) => {
      const stream = builder.stream(orders)
      stream.merge(stream).to(output)
    })
    await driver.input(orders).send('o-1', order('ann', 1))
    expect(driver.output(output).values()).toEqual([order('ann', 1), order('ann', 1)])
  })

  test('shows a record to peek and forEach where they stand', async () => {
    const seen: unknown[] = []
    await using driver = driverOf((builder) =>
      builder
        .stream(orders)
        .peek(({ amount }, { key }) => seen.push(['peek', key, amount]))
        .mapValues(({ amount }) => amount * 2)
        .forEach((amount, { key, topic: from, offset }) =>
          seen.push(['each', key, amount, from, offset]),
        ),
    )
    await driver.input(orders).send('o-1', order('ann', 1))
    expect(seen).toEqual([
      ['peek', 'o-1', 1],
      ['each', 'o-1', 2, 'orders', 0],
    ])
  })

  test('may be expanded by a generator that looks at its meta again', async () => {
    await using driver = driverOf((builder) =>
      builder
        .stream(orders)
        .flatMap(function* ({ customer }, meta) {
          yield [customer, `1 of ${meta.key}`]
          yield [customer, `2 of ${meta.key}`]
        })
        .mapValues((text, { key }) => `${text} for ${key}`)
        .to(output),
    )
    await driver.input(orders).send('o-1', order('ann', 1))
    expect(driver.output(output).values()).toEqual(['1 of o-1 for ann', '2 of o-1 for ann'])
  })

  test('goes to the topic that a function chooses', async () => {
    const small = topic('small', { key: string, value: json<Order>() })
    const large = topic('large', { key: string, value: json<Order>() })
    await using driver = driverOf((builder) =>
      builder
        .stream(orders)
        .to(({ amount }, { key }) => (amount > 9 || key === 'vip' ? large : small)),
    )
    await driver.input(orders).send('o-1', order('ann', 1))
    await driver.input(orders).send('o-2', order('ann', 10))
    await driver.input(orders).send('vip', order('bob', 1))
    expect(driver.output(small).keyValues()).toEqual([['o-1', order('ann', 1)]])
    expect(driver.output(large).keyValues()).toEqual([
      ['o-2', order('ann', 10)],
      ['vip', order('bob', 1)],
    ])
  })

  test('splits by the first predicate that is true', async () => {
    await using driver = driverOf((builder) => {
      const {
        large,
        anns,
        default: rest,
      } = builder.stream(orders).split({
        large: ({ amount }) => amount > 9,
        anns: (_, { key }) => key === 'ann',
      })
      large.mapValues(() => 'large').to(output)
      anns.mapValues(() => 'ann').to(output)
      rest.mapValues(() => 'rest').to(output)
    })
    for (const amount of [1, 10]) await driver.input(orders).send('ann', order('ann', amount))
    await driver.input(orders).send('bob', order('bob', 1))
    expect(driver.output(output).values()).toEqual(['ann', 'large', 'rest'])
  })
})

describe('a stream with new keys', () => {
  const byAmount = topic('by-amount', { key: int32, value: json<number>() })

  test('meets a store through a topic, with the serde that was given', async () => {
    await using driver = driverOf((builder) =>
      builder
        .stream(orders)
        .selectKey(({ amount }) => amount)
        .groupByKey({ key: int32 })
        .count({ store: 'counts' })
        .toStream()
        .to(byAmount),
    )
    for (const key of ['o-1', 'o-2']) await driver.input(orders).send(key, order('ann', 3))
    expect(driver.output(byAmount).keyValues()).toEqual([
      [3, 1],
      [3, 2],
    ])
  })

  test('leaves records without a key out of the topic, and counts them', async () => {
    await using driver = driverOf((builder) =>
      builder
        .stream(orders)
        .selectKey(({ customer }) => (customer === '' ? null : customer))
        .repartition({ name: 'by-customer' })
        .to(output),
    )
    await driver.input(orders).send('o-1', order('', 1))
    await driver.input(orders).send('o-2', order('ann', 2))
    expect(driver.output(output).keyValues()).toEqual([['ann', order('ann', 2)]])
    expect(driver.counters.dropped).toBe(1)
  })

  test('groups by what is selected; a null key is in no group', async () => {
    await using driver = driverOf((builder) =>
      builder
        .stream(orders)
        .groupBy(({ customer }) => (customer === '' ? null : customer), { name: 'by-customer' })
        .aggregate(
          () => ({ total: 0 }),
          ({ amount }, { total }) => ({ total: total + amount }),
          { store: 'totals' },
        )
        .toStream()
        .to(output),
    )
    await driver.input(orders).send('o-1', order('', 1))
    await driver.input(orders).send('o-2', order('ann', 2), { timestampMs: 10 })
    await driver.input(orders).send(null, order('ann', 3), { timestampMs: 5 })
    expect(driver.output(output).keyValues()).toEqual([
      ['ann', { total: 2 }],
      ['ann', { total: 5 }],
    ])
    expect(driver.store('totals').getWithTimestamp('ann')).toEqual({
      value: { total: 5 },
      timestampMs: 10,
    })
  })
})
