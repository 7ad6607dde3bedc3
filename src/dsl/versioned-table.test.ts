import { describe, expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import { keyValueStore } from '../topology/key-value-store.ts'
import { versionedStore } from '../topology/versioned-store.ts'
import { describeAsJson } from '../topology/describe.ts'
import type { Duration } from '../core/duration.ts'
import type { TopologyBuilder } from './builder.ts'
import { untilTimeLimit } from './suppression.ts'
import { deadLetters, topic } from './topic.ts'
import { topology } from './topology.ts'

const prices = topic('prices', { key: string, value: json<number>() })
const orders = topic('orders', { key: string, value: json<number>() })
const output = topic('output', { key: string, value: json<number | string | null>() })
const other = topic('other', { key: string, value: json<number | string | null>() })

const versioned = (name: string, history: Duration = '10s') =>
  versionedStore(name, { key: string, value: json<number>(), history })

const driverOf = (build: (builder: TopologyBuilder) => void) =>
  new TopologyTestDriver(topology('shop', { deadLetters: deadLetters('failed') }, build))

/** Each as key, value and timestamp. */
type Line = readonly [key: string, value: number | null, timestampMs: number]

async function send(
  driver: TopologyTestDriver,
  to: typeof prices,
  ...lines: readonly Line[]
): Promise<void> {
  for (const [key, value, timestampMs] of lines) {
    await driver.input(to).send(key, value, { timestampMs })
  }
}

const linesOf = (driver: TopologyTestDriver, from: typeof output = output): readonly string[] =>
  driver
    .output(from)
    .records()
    .map(({ key, value, timestampMs }) => `${key}=${value}@${timestampMs}`)

describe('a versioned table', () => {
  test('is seen through a filter and a mapper as it was at the time of a record', async () => {
    await using driver = driverOf((builder) => {
      const table = builder
        .table(prices, { store: versioned('prices') })
        .filter((price) => price > 0)
        .mapValues((price, { timestampMs }) => price * 10 + timestampMs)
      builder
        .stream(orders)
        .join(table, (amount, price) => amount * price)
        .to(output)
    })
    await send(driver, prices, ['tea', 5, 100], ['tea', -1, 200], ['tea', 6, 300])
    await send(driver, orders, ['tea', 1, 199], ['tea', 1, 299], ['tea', 1, 300])
    expect(linesOf(driver)).toEqual(['tea=150@199', 'tea=360@300'])
  })

  test('may be made of a stream, of an aggregation, of another table', async () => {
    await using driver = driverOf((builder) => {
      const counts = builder
        .stream(prices)
        .groupByKey()
        .count({ store: versioned('counts') })
      const sums = counts.mapValues((count) => count * 100, { store: versioned('hundreds') })
      const kept = builder.stream(orders).toTable({ store: versioned('orders') })
      const joined = kept.join(sums, (order, sum) => order + sum, { store: versioned('joined') })
      joined.toStream().to(output)
    })
    await send(driver, prices, ['tea', 1, 100], ['tea', 1, 200])
    await send(driver, orders, ['tea', 7, 150], ['tea', 8, 140], ['tea', 9, 300])
    expect(linesOf(driver)).toEqual(['tea=207@200', 'tea=209@300'])
    const at = (store: string, timeMs: number) =>
      driver.versionedStore<string, number>(store).get('tea', timeMs)
    expect([at('counts', 150), at('hundreds', 150), at('joined', 250)]).toEqual([1, 100, 207])
    expect([at('orders', 145), at('orders', 150)]).toEqual([8, 7])
  })

  test('is not one any more where it is kept in a plain store', async () => {
    await using driver = driverOf((builder) => {
      const plain = builder
        .table(prices, { store: versioned('prices') })
        .filter(() => true, { store: 'plain' })
      builder
        .stream(orders)
        .join(plain, (_, price) => price)
        .to(output)
    })
    await send(driver, prices, ['tea', 6, 300], ['tea', 5, 100])
    await send(driver, orders, ['tea', 1, 300])
    expect(linesOf(driver)).toEqual(['tea=5@300'])
  })

  test('leaves out what is older than its history, and counts it', async () => {
    await using driver = driverOf((builder) => {
      builder
        .table(prices, { store: versioned('prices') })
        .toStream()
        .to(output)
    })
    await send(driver, prices, ['tea', 1, 20_000], ['cocoa', 2, 9_999], ['cocoa', 3, 10_000])
    expect(linesOf(driver)).toEqual(['tea=1@20000', 'cocoa=3@10000'])
    expect(driver.counters.dropped).toBe(1)
  })

  test('sends what is late to toStream, past a foreign-key join and a group', async () => {
    await using driver = driverOf((builder) => {
      const table = builder.table(prices, { store: versioned('prices') })
      const names = builder.table(orders, { store: versioned('orders') })
      table.toStream().to(output)
      table
        .join(names, (price, name) => price * 100 + name, { foreignKey: () => 'x', name: 'by-x' })
        .toStream()
        .to(other)
    })
    await send(driver, orders, ['x', 7, 500], ['x', 6, 400])
    await send(driver, prices, ['tea', 2, 200], ['tea', 1, 100])
    await send(driver, orders, ['x', 5, 300], ['x', 8, 600])
    expect(linesOf(driver)).toEqual(['tea=2@200', 'tea=1@100'])
    expect(linesOf(driver, other)).toEqual(['tea=207@500', 'tea=208@600'])
  })
})

describe('a join with a grace', () => {
  const waiting = (build: (builder: TopologyBuilder) => void = () => {}) =>
    driverOf((builder) => {
      build(builder)
      const table = builder.table(prices, { store: versioned('prices') })
      builder
        .stream(orders)
        .leftJoin(table, (amount, price) => `${amount} at ${price}`, {
          grace: '1s',
          store: 'waiting',
        })
        .to(output)
    })

  test('lets records wait, in the order of their time and key', async () => {
    await using driver = waiting()
    await send(driver, orders, ['b', 1, 1_000], ['a', 2, 1_000], ['a', 3, 500], ['a', 4, 1_000])
    await send(driver, prices, ['a', 10, 700])
    expect(linesOf(driver)).toEqual([])
    expect([...driver.store('waiting').all()]).toHaveLength(4)
    await send(driver, orders, ['c', 5, 1_999])
    expect(linesOf(driver)).toEqual(['a=3 at null@500'])
    await send(driver, orders, ['c', 6, 2_000])
    expect(linesOf(driver)).toEqual(['a=2 at 10@1000', 'a=4 at 10@1000', 'b=1 at null@1000'])
    await send(driver, orders, ['d', 7, 999], ['d', 8, 1_000])
    expect(linesOf(driver)).toEqual(['d=7 at null@999', 'd=8 at null@1000'])
  })

  test('does not wait for a key that is not there', async () => {
    const keyless = topic('orders', { key: string as never, value: json<number>() })
    await using driver = waiting()
    await driver.input(keyless).send(null, 1, { timestampMs: 1_000 })
    expect(driver.output(output).values()).toEqual(['1 at null'])
    await send(driver, orders, ['a', null, 1_000])
    expect(driver.counters.dropped).toBe(1)
  })

  test('sends a record with its own headers, and shows where it was read', async () => {
    const seen: unknown[] = []
    await using driver = driverOf((builder) => {
      const table = builder.table(prices, { store: versioned('prices') })
      builder
        .stream(orders)
        .leftJoin(
          table,
          (amount, _, { key, offset, timestampMs }) => {
            seen.push([key, offset, timestampMs])
            return amount
          },
          { grace: '1s', store: 'waiting' },
        )
        .to(output)
    })
    const headers = [['trace', Buffer.from('1')]] as const
    await driver.input(orders).send('a', 1, { timestampMs: 1_000, headers })
    await driver.input(orders).send('b', 2, { timestampMs: 2_000 })
    expect(driver.output(output).records()).toMatchObject([{ key: 'a', headers }])
    expect(seen).toEqual([['a', 0, 1_000]])
  })

  test('keeps values with the serde that it is given', async () => {
    const dates = topic('dates', { key: string, value: json<string>() })
    const date = {
      name: 'date',
      serialize: (value: Date) => Buffer.from(value.toISOString()),
      deserialize: (bytes: Uint8Array) => new Date(Buffer.from(bytes).toString()),
    }
    await using driver = driverOf((builder) => {
      const table = builder.table(prices, { store: versioned('prices') })
      builder
        .stream(dates)
        .mapValues((text) => new Date(text))
        .leftJoin(table, (value) => value.getUTCFullYear(), {
          grace: '1s',
          store: 'waiting',
          value: date,
        })
        .to(output)
    })
    await driver.input(dates).send('a', '2026-01-01', { timestampMs: 0 })
    await driver.input(dates).send('a', '2027-01-01', { timestampMs: 1_000 })
    expect(driver.output(output).values()).toEqual([2026])
    await driver.input(dates).send('a', 'never', { timestampMs: 1_000 })
    expect(driver.deadLetters()).toMatchObject([
      { code: 'SERDE_FAILED', message: 'Invalid time value', offset: 2 },
    ])
  })

  test('sets a failing record aside, not the one that let it go', async () => {
    await using driver = driverOf((builder) => {
      const table = builder.table(prices, { store: versioned('prices') })
      builder
        .stream(orders)
        .leftJoin(
          table,
          (amount) => {
            if (amount === 13) throw new RangeError('unlucky')
            return amount
          },
          { grace: '1s', store: 'waiting' },
        )
        .to(output)
    })
    await send(driver, orders, ['a', 13, 0], ['a', 1, 1], ['a', 2, 1_001], ['a', 3, 2_002])
    expect(driver.deadLetters()).toMatchObject([{ topic: 'orders', offset: 0, message: 'unlucky' }])
    expect(driver.output(output).values()).toEqual([1, 2])
  })
})

const larger = (amount: number, price: number): number => Math.max(amount, price)

describe('what makes no sense is refused when it is built:', () => {
  const refused: readonly (readonly [string, (builder: TopologyBuilder) => void, string])[] = [
    [
      'a grace with a table of no versions',
      (builder) => {
        const table = builder.table(prices, { store: 'prices' })
        builder.stream(orders).join(table, larger, { grace: '1s', store: 'waiting' })
      },
      'keeps no versions',
    ],
    [
      'a grace with a joined table',
      (builder) => {
        const table = builder.table(prices, { store: versioned('prices') })
        const joined = table.join(builder.table(other, { store: 'other' }), (price) => price)
        builder.stream(orders).join(joined, larger, { grace: '1s', store: 'waiting' })
      },
      'keeps no versions',
    ],
    [
      'a grace that is longer than the history',
      (builder) => {
        const table = builder.table(prices, { store: versioned('prices') })
        builder.stream(orders).join(table, larger, { grace: '11s', store: 'waiting' })
      },
      'wait 11000 ms for a table that knows the last 10000 ms',
    ],
    [
      'suppress',
      (builder) => {
        const table = builder.table(prices, { store: versioned('prices') })
        table.suppress(untilTimeLimit('1s'), { store: 'held' })
      },
      'is asked of a versioned table',
    ],
  ]

  test.each(refused)('%s', (_, build, message) => {
    expect(() => topology('shop', build)).toThrow(message)
  })

  test('a store that is asked for as something else', () => {
    const plain = keyValueStore('plain', { key: string, value: json<number>() })
    const build = (builder: TopologyBuilder): void => {
      builder
        .stream(orders)
        .process(
          { init: (context) => void context.versionedStore('plain'), process: () => {} },
          { name: 'asks', stores: [plain] },
        )
    }
    expect(() => driverOf(build)).toThrow('store "plain" of node "asks" is no versioned store')
  })
})

test('a versioned store is described with its history', () => {
  const built = topology('shop', (builder) => {
    builder.table(prices, { store: versioned('prices', '1h') })
  })
  expect(describeAsJson(built).stores).toEqual([
    {
      name: 'prices',
      kind: 'versioned',
      key: 'string',
      value: 'json',
      backend: 'lmdb',
      logged: true,
      cached: false,
      changelogConfigs: {},
      historyMs: 3_600_000,
    },
  ])
})

test('a processor reads and writes versions', async () => {
  await using driver = driverOf((builder) => {
    builder.addStateStore(versioned('prices'))
    builder
      .stream(orders)
      .process<string, string>(
        {
          process: ({ key, value, timestampMs }, { versionedStore: storeOf, forward }) => {
            const store = storeOf<string, number>('prices')
            const before = store.get(key, timestampMs)
            forward({ key, value: `${store.put(key, value)} after ${before}` })
          },
        },
        { name: 'versions', stores: ['prices'] },
      )
      .to(output)
  })
  await send(driver, orders, ['a', 1, 100], ['a', 3, 300], ['a', 2, 200], ['a', 4, 20_000])
  await send(driver, orders, ['a', 0, 50])
  expect(driver.output(output).values()).toEqual([
    'latest after undefined',
    'latest after 1',
    'late after 1',
    'latest after 3',
    'expired after undefined',
  ])
})
