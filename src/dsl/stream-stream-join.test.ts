import { describe, expect, expectTypeOf, test } from 'vitest'
import { isStreamsError, type StreamsError } from '../core/errors.ts'
import { partitionCounts } from '../runtime/assignment/partition-counts.ts'
import { json } from '../serde/json.ts'
import { int32 } from '../serde/number.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { TopologyBuilder } from './builder.ts'
import {
  driverOf,
  minutes,
  orders,
  output,
  pair,
  payments,
  results,
  send,
  type Order,
  type Payment,
} from './order-payments.fixtures.ts'
import type { Stream } from './stream.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

const errorOf = (action: () => unknown): Partial<StreamsError> | undefined => {
  try {
    action()
    return undefined
  } catch (error) {
    if (isStreamsError(error)) return error
    throw error
  }
}

describe('two streams that are joined', () => {
  const build = (builder: TopologyBuilder): void =>
    builder.stream(orders).join(builder.stream(payments), pair, minutes).to(output)

  test('give a pair for each two records that are near enough, whichever comes first', async () => {
    await using driver = driverOf(build)
    await send(
      driver,
      ['order', 'a', 1, '1000s'],
      ['payment', 'a', 2, '1300s'],
      ['payment', 'a', 3, '700s'],
      ['payment', 'b', 4, '1300s'],
      ['order', 'b', 5, '1301s'],
      ['order', 'b', 6, '1302s'],
    )
    expect(results(driver)).toEqual([
      ['a', '1, 2', 1_300],
      ['a', '1, 3', 1_000],
      ['b', '5, 4', 1_301],
      ['b', '6, 4', 1_302],
    ])
  })

  test('give none for records that are a millisecond too far apart', async () => {
    await using driver = driverOf(build)
    await send(driver, ['order', 'a', 1, '1000000ms'], ['payment', 'a', 2, '1300001ms'])
    expect(results(driver)).toEqual([])
  })

  test('leave out records without a key or a value', async () => {
    await using driver = driverOf(build)
    await send(driver, ['order', null, 1, '10s'], ['payment', null, 2, '10s'])
    await driver.input(orders).send('a', null, { timestampMs: 10_000 })
    await send(driver, ['payment', 'a', 3, '10s'])
    expect(results(driver)).toEqual([])
    expect(driver.counters.dropped).toBe(3)
  })

  test('keep their records in stores that are called after the join', async () => {
    await using driver = driverOf(build)
    await send(driver, ['order', 'a', 1, '10s'], ['order', 'a', 2, '10s'])
    const kept = [...driver.windowStore<string, Order>('order-payment-left').fetch('a', 0, 20_000)]
    expect(kept.map(([{ window }, { amount }]) => [window.startMs, amount])).toEqual([
      [10_000, 1],
      [10_000, 2],
    ])
    expect([...driver.store('order-payment-right').all()]).toEqual([])
  })

  test('forget records when nothing can join them any more', async () => {
    await using driver = driverOf(build)
    await send(
      driver,
      ['order', 'a', 1, '1000s'],
      // Within ten minutes of reach and one of grace, measured by the orders alone.
      ['order', 'z', 2, '1659s'],
      ['payment', 'a', 3, '1000s'],
      ['order', 'z', 4, '1660s'],
      ['payment', 'a', 5, '1000s'],
    )
    expect(results(driver)).toEqual([['a', '1, 3', 1_000]])
  })
})

describe('a window', () => {
  test('may reach further forth than back', async () => {
    await using driver = driverOf((builder) =>
      builder
        .stream(orders)
        .join(builder.stream(payments), pair, {
          before: '0ms',
          after: '1h',
          grace: '0ms',
          store: 'order-payment',
        })
        .to(output),
    )
    await send(
      driver,
      ['order', 'a', 1, '5000s'],
      ['payment', 'a', 2, '4999s'],
      ['payment', 'a', 3, '5000s'],
      ['payment', 'a', 4, '8600s'],
    )
    expect(results(driver)).toEqual([
      ['a', '1, 3', 5_000],
      ['a', '1, 4', 8_600],
    ])
  })

  test('may begin after the record', async () => {
    await using driver = driverOf((builder) =>
      builder
        .stream(orders)
        .join(builder.stream(payments), pair, {
          before: '-1m',
          after: '5m',
          grace: '0ms',
          store: 'order-payment',
        })
        .to(output),
    )
    await send(
      driver,
      ['payment', 'a', 1, '1059s'],
      ['payment', 'a', 2, '1060s'],
      ['order', 'a', 3, '1000s'],
    )
    expect(results(driver)).toEqual([['a', '3, 2', 1_060]])
  })

  test('may be of one point in time', async () => {
    await using driver = driverOf((builder) =>
      builder
        .stream(orders)
        .join(builder.stream(payments), pair, { within: '0ms', grace: '1m', store: 'same' })
        .to(output),
    )
    await send(
      driver,
      ['order', 'a', 1, '10s'],
      ['payment', 'a', 2, '10s'],
      ['payment', 'a', 3, '11s'],
    )
    expect(results(driver)).toEqual([['a', '1, 2', 10]])
  })
})

describe('streams whose keys were changed', () => {
  test('meet through topics that are called after the store', async () => {
    const built = topology('shop', (builder) => {
      const byCustomer = builder.stream(orders).selectKey(({ customer }) => customer)
      const paidBy = builder.stream(payments).selectKey((_, { key }) => key.slice(0, 3))
      byCustomer.join(paidBy, pair, minutes).to(output)
    })
    expect([...built.repartitions.keys()]).toEqual(['order-payment-left', 'order-payment-right'])
    await using driver = new TopologyTestDriver(built)
    await send(driver, ['order', 'order-1', 1, '10s'], ['payment', 'ann-1', 2, '11s'])
    expect(results(driver)).toEqual([['ann', '1, 2', 11]])
  })

  test('keep records without a key where those come out without a partner', async () => {
    await using driver = driverOf((builder) => {
      const left = builder.stream(orders).selectKey((): string | null => null)
      const right = builder.stream(payments).selectKey((): string | null => null)
      left.leftJoin(right, pair, minutes).to(output)
    })
    await send(driver, ['order', 'a', 1, '10s'], ['payment', 'a', 2, '11s'])
    expect(results(driver)).toEqual([[null, '1, no payment', 10]])
  })

  test('go through one topic where a stream is joined with itself', async () => {
    const built = topology('shop', (builder) => {
      const byCustomer = builder.stream(orders).selectKey(({ customer }) => customer)
      byCustomer
        .join(byCustomer, (first, second) => `${first.amount}, ${second.amount}`, minutes)
        .to(output)
    })
    expect([...built.repartitions.keys()]).toEqual(['order-payment'])
    await using driver = new TopologyTestDriver(built)
    await send(driver, ['order', 'x', 1, '10s'], ['order', 'y', 2, '11s'])
    expect(results(driver)).toEqual([
      ['ann', '1, 1', 10],
      ['ann', '2, 1', 11],
      ['ann', '1, 2', 11],
      ['ann', '2, 2', 11],
    ])
  })

  test('must have as many partitions as each other where they do not', () => {
    const joined = topology('shop', (builder) =>
      builder.stream(orders).join(builder.stream(payments), pair, minutes).to(output),
    )
    const partitions = (count: number) => ({
      partitions: Array.from({ length: count }, (_, partition) => ({ partition })),
    })
    const counts = () =>
      partitionCounts(
        joined,
        'shop',
        new Map([[0, ['orders', 'payments']]]),
        new Map([
          ['orders', partitions(2)],
          ['payments', partitions(3)],
        ]) as never,
      )
    expect(errorOf(counts)).toMatchObject({
      code: 'TOPIC_MISMATCHED',
      message:
        'topics "orders" and "payments" meet in a store or join and must have equally many partitions, but have 2 and 3',
    })
  })
})

describe('a join of two streams is refused', () => {
  const refusal = (options: object): string | undefined =>
    errorOf(() =>
      driverOf((builder) => {
        const [left, right] = [builder.stream(orders), builder.stream(payments)]
        left.join(right, pair, options as typeof minutes).to(output)
      }),
    )?.message

  test('without a store, a grace or a window', () => {
    expect(refusal({ within: '5m', grace: '1m' })).toBe('a join of two streams has no store')
    expect(refusal({ within: '5m', store: 's' })).toBe('a join of two streams has no grace')
    expect(refusal({ after: '5m', grace: '0ms', store: 's' })).toBe(
      'a join of two streams does not say how far apart its records may be',
    )
  })

  test('over a window that ends before it begins', () => {
    expect(refusal({ before: '-5m', after: '4m', grace: '0ms', store: 's' })).toBe(
      'a join of two streams looks for partners from -5m before a record to 4m after it, which is earlier',
    )
  })

  test('of streams of two topologies', () => {
    let elsewhere: Stream<string, Payment> | undefined
    topology('elsewhere', (builder) => {
      elsewhere = builder.stream(payments)
    })
    const error = errorOf(() =>
      driverOf((builder) => {
        builder
          .stream(orders)
          .join(elsewhere as Stream<string, Payment>, pair, minutes)
          .to(output)
      }),
    )
    expect(error?.message).toBe('a join is given a stream of another topology')
  })

  test('by the compiler, where something is missing or of another type', () => {
    driverOf((builder) => {
      const [left, right] = [builder.stream(orders), builder.stream(payments)]
      const years = builder.stream(topic('years', { key: int32, value: json<Payment>() }))
      const store = 'types'
      const illegal = (): void => {
        // @ts-expect-error -- a number has no unit
        left.join(right, pair, { within: 300, grace: '1m', store })
        // @ts-expect-error -- no default may lose records
        left.join(right, pair, { within: '5m', store })
        // @ts-expect-error -- Kafka will remember the store
        left.join(right, pair, { within: '5m', grace: '1m' })
        // @ts-expect-error -- one window, not two
        left.join(right, pair, { within: '5m', before: '1m', after: '1m', grace: '1m', store })
        // @ts-expect-error -- half a window
        left.join(right, pair, { before: '5m', grace: '1m', store })
        // @ts-expect-error -- text keys meet no numbers
        left.join(years, pair, { within: '5m', grace: '1m', store })
        // @ts-expect-error -- a left join may find no payment
        left.leftJoin(right, (_, { paid }) => paid, minutes)
        // @ts-expect-error -- late payments are no orders
        left.join(right, pair, { ...minutes, late: { right: orders } })
      }
      expect(illegal).toBeTypeOf('function')
      const byAmount = left.selectKey(({ amount }) => amount)
      // @ts-expect-error -- the serde of the stream writes text, its keys are numbers now
      expect(() => byAmount.join(years, pair, { ...minutes, store: 'unwritten' })).not.toThrow()
      const dated = byAmount.join(years, pair, { ...minutes, key: int32 })
      expectTypeOf(dated).toEqualTypeOf<Stream<number, string, number>>()
      const outer = left.outerJoin(right, pair, { ...minutes, store: 'outer' })
      expectTypeOf(outer).toEqualTypeOf<Stream<string, string, string>>()
    })
  })
})
