import { describe, expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { allOf } from '../operators/aggregators/all-of.ts'
import type { Aggregator } from '../operators/aggregators/aggregator.ts'
import { averageOf, countOf, maxOf, minOf, sumOf } from '../operators/aggregators/numbers.ts'
import { collectOf, firstOf, lastOf } from '../operators/aggregators/ordered.ts'
import { topOf } from '../operators/aggregators/top.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import type { Windowed } from '../serde/windowed-key.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { TopologyBuilder } from './builder.ts'
import type { Table } from './table.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'
import { hopping, session } from './windows.ts'

interface Payment {
  readonly shop: string
  readonly cents: number | null
}

const payments = topic('payments', { key: string, value: json<Payment>() })
const results = topic('results', { key: string, value: json<unknown>() })

interface Sent extends Payment {
  readonly key: string
  readonly timestampMs: number
}

const cents = ({ cents: value }: Payment): number | null => value
const shop = (payment: Payment): string => payment.shop

/** A few keys and shops, many late, some without a number. */
function paymentsOf(seed: number, length = 200): Sent[] {
  const random = seededRandom(seed)
  let nowMs = 0
  return Array.from({ length }, () => {
    nowMs += Math.floor(random() * 100)
    return {
      key: ['a', 'ab', 'b'][Math.floor(random() * 3)] as string,
      shop: `shop-${Math.floor(random() * 4)}`,
      cents: random() < 0.1 ? null : Math.floor(random() * 50),
      timestampMs: random() < 0.3 ? Math.max(0, nowMs - Math.floor(random() * 300)) : nowMs,
    }
  })
}

const sorted = (sent: readonly Sent[]): readonly Sent[] =>
  sent.toSorted((left, right) => left.timestampMs - right.timestampMs)
const numbers = (sent: readonly Sent[]): number[] =>
  sent.flatMap((each) => (each.cents === null ? [] : [each.cents]))
const total = (of: readonly number[]): number => of.reduce((sum, each) => sum + each, 0)
const orNull = (value: number): number | null => (Number.isFinite(value) ? value : null)

/** What an aggregator must say of payments that came in this order. */
type Naive = (sent: readonly Sent[]) => unknown

const aggregators: Readonly<Record<string, readonly [Aggregator<Payment, unknown>, Naive]>> = {
  'the count': [countOf(), (sent) => sent.length],
  'the count of some': [
    countOf((payment: Payment) => payment.cents === null),
    (sent) => sent.length - numbers(sent).length,
  ],
  'the sum': [sumOf(cents), (sent) => total(numbers(sent))],
  'the average': [averageOf(cents), (sent) => orNull(total(numbers(sent)) / numbers(sent).length)],
  'the smallest': [minOf(cents), (sent) => orNull(Math.min(...numbers(sent)))],
  'the largest': [maxOf(cents), (sent) => orNull(Math.max(...numbers(sent)))],
  'the sum of the last three': [
    sumOf(cents, { last: 3 }),
    (sent) => total(numbers(sorted(sent)).slice(-3)),
  ],
  'the average of the last three': [
    averageOf(cents, { last: 3 }),
    (sent) => {
      const last = numbers(sorted(sent)).slice(-3)
      return orNull(total(last) / last.length)
    },
  ],
  'the smallest of the last two': [
    minOf(cents, { last: 2 }),
    (sent) => orNull(Math.min(...numbers(sorted(sent)).slice(-2))),
  ],
  'the largest of the last two': [
    maxOf(cents, { last: 2 }),
    (sent) => orNull(Math.max(...numbers(sorted(sent)).slice(-2))),
  ],
  'the first': [firstOf(shop), (sent) => sorted(sent)[0]?.shop ?? null],
  'the last': [lastOf(shop), (sent) => sorted(sent).at(-1)?.shop ?? null],
  'the first five': [collectOf(shop, { first: 5 }), (sent) => sorted(sent).slice(0, 5).map(shop)],
  'the last five': [collectOf(shop, { last: 5 }), (sent) => sorted(sent).slice(-5).map(shop)],
  'the dearest three': [
    topOf(cents, { size: 3 }),
    (sent) =>
      sent
        .filter((each) => each.cents !== null)
        .toSorted((left, right) => (right.cents ?? 0) - (left.cents ?? 0))
        .slice(0, 3)
        .map(({ shop: name, cents: value }) => ({ shop: name, cents: value })),
  ],
  'several at once': [
    allOf({ sum: sumOf(cents), last: lastOf(shop), mean: averageOf(cents) }),
    (sent) => ({
      sum: total(numbers(sent)),
      last: sorted(sent).at(-1)?.shop ?? null,
      mean: orNull(total(numbers(sent)) / numbers(sent).length),
    }),
  ],
}

/** What each key, window or session has come to: the last result, if there is one. */
async function resultsOf(
  build: (builder: TopologyBuilder) => Table<unknown, unknown, never>,
  sent: readonly Sent[],
): Promise<Record<string, unknown>> {
  const built = topology('payments', (builder) => {
    build(builder)
      .toStream()
      .selectKey((_, { key }) => JSON.stringify(key))
      .to(results)
  })
  await using driver = new TopologyTestDriver(built)
  for (const { key, timestampMs, shop: name, cents: value } of sent) {
    await driver.input(payments).send(key, { shop: name, cents: value }, { timestampMs })
  }
  const last = new Map(driver.output(results).keyValues())
  return Object.fromEntries([...last].filter(([, value]) => value !== null))
}

/** By key, without those that there is nothing to say of. */
function naively(groups: ReadonlyMap<string, readonly Sent[]>, naive: Naive) {
  const rows = [...groups].map(([key, sent]) => [key, naive(sent)] as const)
  return Object.fromEntries(rows.filter(([, value]) => value !== null))
}

describe.each(Object.entries(aggregators))('%s', (_, [aggregator, naive]) => {
  const store = { store: 'state' }

  test.each([1, 2, 3])('of the values of each key (seed %i)', async (seed) => {
    const sent = paymentsOf(seed)
    const found = await resultsOf(
      (builder) => builder.stream(payments).groupByKey().aggregate(aggregator, store),
      sent,
    )
    const groups = Map.groupBy(sent, ({ key }) => JSON.stringify(key))
    expect(found).toEqual(naively(groups, naive))
  })

  test.each([1, 2, 3])('of the values of each window (seed %i)', async (seed) => {
    const sent = paymentsOf(seed)
    const found = await resultsOf(
      (builder) =>
        builder
          .stream(payments)
          .groupByKey()
          .windowedBy(hopping('1s', { advance: '400ms', grace: '1d' }))
          .aggregate(aggregator, store),
      sent,
    )
    const inWindows = sent.flatMap((each) =>
      [0, 1, 2].flatMap((nth) => {
        const startMs = (Math.floor(each.timestampMs / 400) - nth) * 400
        if (startMs < 0 || startMs + 1_000 <= each.timestampMs) return []
        return [[{ key: each.key, window: { startMs, endMs: startMs + 1_000 } }, each] as const]
      }),
    )
    const grouped = Map.groupBy(inWindows, ([key]) => JSON.stringify(key))
    const groups = new Map([...grouped].map(([key, all]) => [key, all.map(([, each]) => each)]))
    expect(found).toEqual(naively(groups, naive))
  })

  test.each([1, 2, 3])('of the values of each session, which merge (seed %i)', async (seed) => {
    const sent = paymentsOf(seed, 60)
    const found = await resultsOf(
      (builder) =>
        builder
          .stream(payments)
          .groupByKey()
          .windowedBy(session('60ms', { grace: '1d' }))
          .aggregate(aggregator, store),
      sent,
    )
    const groups = new Map<string, readonly Sent[]>()
    for (const [key, all] of Map.groupBy(sent, (each) => each.key)) {
      for (const run of runsOf(all)) {
        const times = run.map(({ timestampMs }) => timestampMs)
        const window = { startMs: Math.min(...times), endMs: Math.max(...times) }
        groups.set(JSON.stringify({ key, window } satisfies Windowed<string>), run)
      }
    }
    const expected = naively(groups, naive)
    expect(scores(found)).toEqual(scores(expected))
  })
})

/** In the order of arrival each. */
function runsOf(sent: readonly Sent[]): readonly (readonly Sent[])[] {
  const runs: Sent[][] = []
  let endMs = -Infinity
  for (const each of sorted(sent)) {
    if (each.timestampMs - endMs > 60) runs.push([])
    runs.at(-1)?.push(each)
    endMs = each.timestampMs
  }
  return runs.map((run) => sent.filter((each) => run.includes(each)))
}

/** Sessions that merge do not know which of two values with equal scores came first. */
const scores = (rows: Record<string, unknown>): unknown =>
  JSON.parse(JSON.stringify(rows), (name, value: unknown) => (name === 'shop' ? '' : value))

describe('of the rows of a table', () => {
  const reversible = {
    count: countOf<Payment>(),
    dear: countOf(({ cents: value }: Payment) => (value ?? 0) > 25),
    sum: sumOf(cents),
    average: averageOf(cents),
    all: allOf({ sum: sumOf(cents), average: averageOf(cents) }),
  }

  test.each([1, 2, 3])('what an update replaces is taken back (seed %i)', async (seed) => {
    const built = topology('payments', (builder) => {
      builder
        .table(payments, { store: 'payments' })
        .groupBy((payment) => [payment.shop, payment], { name: 'by-shop' })
        .aggregate(allOf(reversible), { store: 'state' })
        .toStream()
        .to(results)
    })
    await using driver = new TopologyTestDriver(built)
    const random = seededRandom(seed)
    const rows = new Map<string, Payment>()
    for (let nth = 0; nth < 300; nth += 1) {
      const key = `p-${Math.floor(random() * 20)}`
      const payment = {
        shop: `shop-${Math.floor(random() * 3)}`,
        cents: random() < 0.1 ? null : Math.floor(random() * 50),
      }
      const isGone = random() < 0.2
      await driver.input(payments).send(key, isGone ? null : payment)
      if (isGone) rows.delete(key)
      else rows.set(key, payment)
    }
    const sent = [...rows.values()].map((row) => ({ ...row, key: '', timestampMs: 0 }))
    const expected = [...Map.groupBy(sent, (each) => each.shop)].map(([name, each]) => {
      const sum = total(numbers(each))
      const average = orNull(sum / numbers(each).length)
      const dear = numbers(each).filter((value) => value > 25).length
      return [name, { count: each.length, dear, sum, average, all: { sum, average } }]
    })
    expect(Object.fromEntries(driver.output(results).keyValues())).toEqual(
      Object.fromEntries(expected),
    )
  })

  test('an average of nothing is no row', async () => {
    const built = topology('payments', (builder) => {
      builder
        .table(payments, { store: 'payments' })
        .groupBy((payment) => [payment.shop, payment], { name: 'by-shop' })
        .aggregate(averageOf(cents), { store: 'state' })
        .toStream()
        .to(results)
    })
    await using driver = new TopologyTestDriver(built)
    await driver.input(payments).send('p', { shop: 'tea', cents: 7 })
    await driver.input(payments).send('p', null)
    expect(driver.output(results).keyValues()).toEqual([
      ['tea', 7],
      ['tea', null],
    ])
  })
})
