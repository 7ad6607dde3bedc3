import { describe, expect, expectTypeOf, test } from 'vitest'
import { allOf } from '../operators/aggregators/all-of.ts'
import { aggregatorOf, type Aggregator } from '../operators/aggregators/aggregator.ts'
import { averageOf, countOf, maxOf, sumOf } from '../operators/aggregators/numbers.ts'
import { collectOf, lastOf } from '../operators/aggregators/ordered.ts'
import { topOf } from '../operators/aggregators/top.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import type { Windowed } from '../serde/windowed-key.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { Table } from './table.ts'
import { deadLetters, topic } from './topic.ts'
import { topology } from './topology.ts'
import { session } from './windows.ts'

interface Payment {
  readonly shop: string
  readonly cents: number | null
}

const payments = topic('payments', { key: string, value: json<Payment>() })
const results = topic('results', { key: string, value: json<unknown>() })

const cents = ({ cents: value }: Payment): number | null => value
const shop = (payment: Payment): string => payment.shop

describe('an aggregator', () => {
  const driverOf = (aggregator: Aggregator<Payment, unknown>) => {
    const failed = { deadLetters: deadLetters('failed') }
    const built = topology('payments', failed, (builder) => {
      builder
        .stream(payments)
        .groupByKey()
        .aggregate(aggregator, { store: 'state' })
        .toStream()
        .to(results)
    })
    return new TopologyTestDriver(built)
  }

  test('refuses what is no number: JSON would make nothing of it', async () => {
    await using driver = driverOf(averageOf(({ cents: value }) => Math.sqrt(value ?? 0)))
    await driver.input(payments).send('a', { shop: 'tea', cents: -1 })
    await driver.input(payments).send('a', { shop: 'tea', cents: 9 })
    expect(driver.output(results).values()).toEqual([3])
    expect(driver.deadLetters()).toMatchObject([
      { code: 'PROCESSING_FAILED', message: 'NaN cannot be aggregated' },
    ])
  })

  test('of my own has a state and what it says', async () => {
    const spread = aggregatorOf({
      initial: (): readonly number[] => [],
      add: (payment: Payment, [least = Infinity, most = -Infinity]) => [
        Math.min(least, payment.cents ?? 0),
        Math.max(most, payment.cents ?? 0),
      ],
      merge: (earlier, later) => [Math.min(...earlier, ...later), Math.max(...earlier, ...later)],
      result: ([least = 0, most = 0]) => most - least,
    })
    await using driver = driverOf(spread)
    for (const each of [5, 9, 2]) await driver.input(payments).send('a', { shop: 's', cents: each })
    expect(driver.output(results).values()).toEqual([0, 4, 7])
    expect(driver.store('state').get('a')).toEqual([2, 9])
  })

  test('is grouped, looked up and joined by what it says', async () => {
    const averages = topic('averages', { key: string, value: json<number>() })
    const built = topology('payments', (builder) => {
      const table = builder
        .stream(payments)
        .groupByKey()
        .aggregate(averageOf(cents), { store: 'state' })
      builder
        .stream(payments)
        .join(table, (payment, average) => (payment.cents ?? 0) - average)
        .to(averages)
      table
        .groupBy((average) => ['all', average], { name: 'all' })
        .aggregate(
          sumOf((average) => average),
          { store: 'sum' },
        )
    })
    await using driver = new TopologyTestDriver(built)
    for (const [key, value] of [
      ['a', 10],
      ['b', 4],
      ['a', 20],
    ] as const) {
      await driver.input(payments).send(key, { shop: 's', cents: value })
    }
    expect(driver.output(averages).values()).toEqual([0, 0, 5])
    expect(driver.store('sum').get('all')).toBe(19)
  })

  test('that keeps values is told how many', () => {
    const wrong = 'Give a whole number from 1'
    for (const make of [
      () => topOf(cents, { size: -1 }),
      () => collectOf(shop, { first: 0.5 }),
      () => averageOf(cents, { last: 0 }),
    ]) {
      expect(make).toThrow(expect.objectContaining({ hint: expect.stringContaining(wrong) }))
    }
    // @ts-expect-error no end of time
    expect(() => collectOf(shop, {})).toThrow('a collection has no end')
    // @ts-expect-error both ends
    expect(() => collectOf(shop, { first: 1, last: 1 })).toThrow('a collection has no end')
  })
})

test('aggregators have the types of what they say', () => {
  topology('types', (builder) => {
    const grouped = builder.stream(payments).groupByKey()
    const mean = grouped.aggregate(
      averageOf((payment) => payment.cents),
      { store: 'mean' },
    )
    expectTypeOf(mean).toEqualTypeOf<Table<string, number>>()
    const most = grouped.aggregate(lastOf(), { store: 'last' })
    expectTypeOf(most).toEqualTypeOf<Table<string, Payment>>()
    const both = grouped.windowedBy(session('1m', { grace: '0s' })).aggregate(
      allOf({
        largest: maxOf((payment) => payment.cents),
        names: collectOf((payment) => payment.shop, { last: 3 }),
      }),
      { store: 'both' },
    )
    expectTypeOf(both).toEqualTypeOf<
      Table<
        Windowed<string>,
        { readonly largest: number | null; readonly names: readonly string[] },
        Windowed<string>
      >
    >()
    grouped.aggregate(
      // @ts-expect-error a shop is no number
      sumOf((payment) => payment.shop),
      { store: 'sum' },
    )
    grouped.aggregate(
      // @ts-expect-error payments have no such field
      sumOf((payment) => payment.price),
      { store: 'prices' },
    )
    // @ts-expect-error no store
    expect(() => grouped.aggregate(countOf())).toThrow('aggregate has no store')
    const rows = builder
      .table(topic('rows', { key: string, value: json<Payment>() }), { store: 'rows' })
      .groupBy((payment) => [payment.shop, payment], { name: 'by-shop' })
    rows.aggregate(allOf({ count: countOf(), mean: averageOf(cents) }), { store: 'ok' })
    // @ts-expect-error the largest cannot be taken back
    rows.aggregate(maxOf(cents), { store: 'max' })
    // @ts-expect-error nor can it in company
    rows.aggregate(allOf({ count: countOf(), most: maxOf(cents) }), { store: 'all-max' })
  })
})
