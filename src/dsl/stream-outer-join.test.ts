import { describe, expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import type { TopologyBuilder } from './builder.ts'
import {
  driverOf,
  minutes,
  order,
  orders,
  output,
  pair,
  payments,
  results,
  send,
  type Order,
  type Payment,
  type Sent,
} from './order-payments.fixtures.ts'
import { deadLetters, topic } from './topic.ts'

describe('records that meet none', () => {
  const build = (builder: TopologyBuilder): void =>
    builder.stream(orders).leftJoin(builder.stream(payments), pair, minutes).to(output)

  test('come out of a left join once, when nothing can join them any more', async () => {
    await using driver = driverOf(build)
    await send(
      driver,
      ['order', 'a', 1, '1000s'],
      ['order', 'b', 2, '1000s'],
      ['payment', 'c', 3, '1000s'],
      ['payment', 'b', 4, '1300s'],
      ['payment', 'z', 5, '1360s'],
    )
    expect(results(driver)).toEqual([['b', '2, 4', 1_300]])
    await send(driver, ['payment', 'z', 6, '1361s'], ['payment', 'z', 7, '2000s'])
    expect(results(driver)).toEqual([['a', '1, no payment', 1_000]])
  })

  test('come out at once where their partners would be in the past, or they have no key', async () => {
    await using driver = driverOf(build)
    await send(
      driver,
      ['payment', 'z', 1, '2000s'],
      ['order', 'a', 2, '1699s'],
      ['order', null, 3, '1900s'],
      ['order', 'b', 4, '1700s'],
    )
    expect(results(driver)).toEqual([
      ['a', '2, no payment', 1_699],
      [null, '3, no payment', 1_900],
    ])
  })

  test('come out of an outer join from both sides, by time', async () => {
    await using driver = driverOf((builder) =>
      builder.stream(orders).outerJoin(builder.stream(payments), pair, minutes).to(output),
    )
    await send(
      driver,
      ['order', 'b', 1, '1001s'],
      ['payment', 'a', 2, '1000s'],
      ['order', 'c', 3, '1000s'],
      ['order', 'c', 4, '1000s'],
      ['order', 'd', 5, '1500s'],
      ['payment', 'd', 6, '1501s'],
    )
    expect(results(driver)).toEqual([
      ['a', 'no order, 2', 1_000],
      ['c', '3, no payment', 1_000],
      ['c', '4, no payment', 1_000],
      ['b', '1, no payment', 1_001],
      ['d', '5, 6', 1_501],
    ])
  })

  test('are looked for no more often than the interval says', async () => {
    await using driver = driverOf((builder) =>
      builder
        .stream(orders)
        .leftJoin(builder.stream(payments), pair, { ...minutes, emitInterval: '10s' })
        .to(output),
    )
    await send(driver, ['order', 'a', 1, '1000s'], ['order', 'b', 2, '2000s'])
    expect(results(driver)).toEqual([])
    await driver.advanceTime('10s')
    await send(driver, ['order', 'b', 3, '2001s'])
    expect(results(driver)).toEqual([['a', '1, no payment', 1_000]])
  })

  test('wait under a store of their own until they meet one', async () => {
    await using driver = driverOf(build)
    await send(
      driver,
      ['order', 'a', 1, '10s'],
      ['order', 'a', 2, '10s'],
      ['order', 'a', 3, '10s'],
      ['order', 'a', 4, '10s'],
      ['order', 'b', 5, '11s'],
    )
    const waiting = () =>
      [...driver.store<object, Order>('order-payment-left-unmatched').all()].map(
        ([key, { amount }]) => [key, amount],
      )
    expect(waiting()).toEqual([
      [{ timestampMs: 10_000, key: 'a', number: 0 }, 1],
      [{ timestampMs: 10_000, key: 'a', number: 1 }, 2],
      [{ timestampMs: 10_000, key: 'a', number: 2 }, 3],
      [{ timestampMs: 10_000, key: 'a', number: 3 }, 4],
      [{ timestampMs: 11_000, key: 'b', number: 0 }, 5],
    ])
    await send(driver, ['payment', 'a', 9, '10s'])
    expect(waiting()).toEqual([[{ timestampMs: 11_000, key: 'b', number: 0 }, 5]])
  })

  test('fail once where the joiner fails for them', async () => {
    const failed = deadLetters('failed')
    const strict = (first: Order, second: Payment | null): string => {
      if (second === null) throw new Error('nobody paid')
      return pair(first, second)
    }
    await using driver = driverOf(
      (builder) =>
        builder.stream(orders).leftJoin(builder.stream(payments), strict, minutes).to(output),
      { deadLetters: failed },
    )
    await send(
      driver,
      ['order', 'a', 1, '1000s'],
      ['payment', 'z', 2, '2000s'],
      ['payment', 'z', 3, '3000s'],
    )
    expect(driver.deadLetters()).toMatchObject([{ topic: '', message: 'nobody paid' }])
  })
})

describe('a record that is in no result, now or later', () => {
  const lateOrders = topic('orders.late', { key: string, value: json<Order>() })
  const history: readonly Sent[] = [
    ['order', 'z', 1, '2000s'],
    ['order', 'a', 2, '1340s'],
    ['order', 'a', 3, '1341s'],
    ['payment', 'a', 4, '1300s'],
  ]

  test('is counted as dropped', async () => {
    await using driver = driverOf((builder) =>
      builder.stream(orders).join(builder.stream(payments), pair, minutes).to(output),
    )
    await send(driver, ...history)
    expect(results(driver)).toEqual([['a', '3, 4', 1_341]])
    expect(driver.counters.dropped).toBe(1)
  })

  test('goes to a topic of its own, as it came', async () => {
    await using driver = driverOf((builder) =>
      builder
        .stream(orders)
        .join(builder.stream(payments), pair, { ...minutes, late: { left: lateOrders } })
        .to(output),
    )
    await send(driver, ...history)
    expect(driver.output(lateOrders).records()).toMatchObject([
      { key: 'a', value: order(2), timestampMs: 1_340_000 },
    ])
  })

  test('goes to the dead letters with the reason', async () => {
    await using driver = driverOf(
      (builder) =>
        builder
          .stream(orders)
          .join(builder.stream(payments), pair, { ...minutes, late: 'dead-letter' })
          .to(output),
      { deadLetters: deadLetters('failed') },
    )
    await send(driver, ...history)
    expect(driver.deadLetters()).toMatchObject([{ topic: 'orders', offset: 1 }])
    expect(driver.deadLetters()).toEqual([])
  })

  test('is none that a left join gives without a partner', async () => {
    await using driver = driverOf((builder) =>
      builder
        .stream(orders)
        .leftJoin(builder.stream(payments), pair, { ...minutes, late: { left: lateOrders } })
        .to(output),
    )
    await send(driver, ...history)
    expect(results(driver)).toContainEqual(['a', '2, no payment', 1_340])
    expect(driver.output(lateOrders).records()).toEqual([])
  })
})
