import { describe, expect, expectTypeOf, test } from 'vitest'
import type { StreamsError } from '../core/errors.ts'
import { partitionCounts } from '../runtime/assignment/partition-counts.ts'
import { json } from '../serde/json.ts'
import { int32 } from '../serde/number.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { TopologyBuilder } from './builder.ts'
import type { Stream } from './stream.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

interface Order {
  readonly customer: string
  readonly amount: number
}
const orders = topic('orders', { key: string, value: json<Order>() })
const customers = topic('customers', { key: string, value: json<string>() })
const years = topic('years', { key: int32, value: json<string>() })
const output = topic('output', { key: string, value: json<string>() })

const driverOf = (build: (builder: TopologyBuilder) => void) =>
  new TopologyTestDriver(topology('shop', build))

const describedBy = ({ amount }: Order, name: string | null): string => `${amount} by ${name}`

const errorOf = (action: () => unknown): Partial<StreamsError> | undefined => {
  try {
    action()
    return undefined
  } catch (error) {
    return error as StreamsError
  }
}

describe('a stream joined with a table', () => {
  test('sees the rows of a derived table that is kept nowhere', async () => {
    await using driver = driverOf((builder) => {
      const names = builder
        .table(customers, { store: 'customers' })
        .filter((name) => name !== 'Bob')
        .mapValues((name, { key }) => `${name} (${key})`)
      builder.stream(orders).join(names, describedBy).to(output)
    })
    await driver.input(customers).send('a', 'Ann')
    await driver.input(customers).send('b', 'Bob')
    for (const key of ['a', 'b', 'c']) {
      await driver.input(orders).send(key, { customer: key, amount: 7 })
    }
    expect(driver.output(output).keyValues()).toEqual([['a', '7 by Ann (a)']])
  })

  test('goes through a topic where its key was changed', async () => {
    await using driver = driverOf((builder) => {
      const names = builder.table(customers, { store: 'customers' })
      builder
        .stream(orders)
        .selectKey(({ customer }) => customer)
        .join(names, describedBy, { name: 'by-customer' })
        .to(output)
    })
    await driver.input(customers).send('a', 'Ann')
    await driver.input(orders).send('order-1', { customer: 'a', amount: 7 }, { timestampMs: 3 })
    expect(driver.output(output).records()).toMatchObject([
      { key: 'a', value: '7 by Ann', timestampMs: 3 },
    ])
  })

  test('needs a name for that topic', () => {
    const error = errorOf(() =>
      driverOf((builder) => {
        const names = builder.table(customers, { store: 'customers' })
        builder
          .stream(orders)
          .selectKey(({ customer }) => customer)
          .leftJoin(names, describedBy)
          .to(output)
      }),
    )
    expect(error).toMatchObject({
      code: 'INVALID_TOPOLOGY',
      message:
        'the key of a stream was changed before a left-join with a table, and its topic has no name',
    })
  })

  test('must have as many partitions as the table', () => {
    const joined = topology('shop', (builder) => {
      const names = builder.table(customers, { store: 'customers' })
      builder.stream(orders).join(names, describedBy).to(output)
    })
    const partitions = (count: number) => ({
      partitions: Array.from({ length: count }, (_, partition) => ({ partition })),
    })
    const counts = () =>
      partitionCounts(
        joined,
        'shop',
        new Map([[0, ['customers', 'orders']]]),
        new Map([
          ['customers', partitions(2)],
          ['orders', partitions(3)],
        ]) as never,
      )
    expect(joined.subTopologies.map(({ copartitioned }) => copartitioned)).toEqual([
      [
        [
          { name: 'customers', internal: false },
          { name: 'orders', internal: false },
        ],
      ],
    ])
    expect(errorOf(counts)).toMatchObject({
      code: 'TOPIC_MISMATCHED',
      message:
        'topics "customers" and "orders" meet in a store or join and must have equally many partitions, but have 2 and 3',
    })
  })

  test('must have keys of the same type', () => {
    driverOf((builder) => {
      const byYear = builder.table(years, { store: 'years' })
      const names = builder.table(customers, { store: 'customers' })
      const stream = builder.stream(orders)
      // @ts-expect-error -- text keys are not found in a table of numbers
      stream.join(byYear, describedBy)
      const byAmount = stream.selectKey(({ amount }) => amount)
      // @ts-expect-error -- the serde of the stream writes text, its keys are numbers now
      byAmount.join(byYear, describedBy, { name: 'by-amount' })
      const dated = byAmount.join(byYear, describedBy, { name: 'by-year', key: int32 })
      expectTypeOf(dated).toEqualTypeOf<Stream<number, string, number>>()
      // @ts-expect-error -- a left join may find no row
      stream.leftJoin(names, (_, name) => name.length)
      stream.join(names, (_, name) => name.length)
    })
  })
})
