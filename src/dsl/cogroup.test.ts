import { describe, expect, expectTypeOf, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { sessionWindowed, windowed, type Windowed } from '../serde/windowed-key.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import { describeAsJson } from '../topology/describe.ts'
import type { TopologyBuilder } from './builder.ts'
import type { Table } from './table.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'
import { session, tumbling } from './windows.ts'

interface Order {
  readonly customer: string
  readonly cents: number
}
interface Visit {
  readonly page: string
}
interface Profile {
  readonly spent: number
  readonly pages: readonly string[]
}

const orders = topic('orders', { key: string, value: json<Order>() })
const visits = topic('visits', { key: string, value: json<Visit>() })
const profiles = topic('profiles', { key: string, value: json<Profile | null>() })
const perMinute = topic('per-minute', {
  key: windowed(string, '1m'),
  value: json<Profile | null>(),
})
const perVisit = topic('per-visit', { key: sessionWindowed(string), value: json<Profile | null>() })

const empty = (): Profile => ({ spent: 0, pages: [] })
const spend = ({ cents }: Order, profile: Profile): Profile | null =>
  cents < 0 ? null : { ...profile, spent: profile.spent + cents }
const visit = ({ page }: Visit, profile: Profile): Profile => ({
  ...profile,
  pages: [...profile.pages, page],
})

const cogrouped = (builder: TopologyBuilder) => {
  const byCustomer = builder
    .stream(orders)
    .groupBy((order) => order.customer, { name: 'by-customer' })
  return byCustomer.cogroup(spend).cogroup(builder.stream(visits).groupByKey(), visit)
}

describe('a cogroup', () => {
  test('makes one row of what several streams say', async () => {
    const built = topology('shop', (builder) => {
      const table = cogrouped(builder).aggregate(empty, { store: 'profiles' })
      expectTypeOf(table).toEqualTypeOf<Table<string, Profile>>()
      table.toStream().to(profiles)
    })
    await using driver = new TopologyTestDriver(built)
    await driver.input(visits).send('ann', { page: '/tea' }, { timestampMs: 7 })
    await driver.input(orders).send('o-1', { customer: 'ann', cents: 650 }, { timestampMs: 5 })
    await driver.input(orders).send('o-2', { customer: 'ann', cents: -1 }, { timestampMs: 9 })
    await driver.input(visits).send('ann', null)
    await driver.input(visits).send('ann', { page: '/cups' }, { timestampMs: 8 })
    expect(driver.output(profiles).records()).toMatchObject([
      { key: 'ann', value: { spent: 0, pages: ['/tea'] }, timestampMs: 7 },
      { key: 'ann', value: { spent: 650, pages: ['/tea'] }, timestampMs: 7 },
      { key: 'ann', value: null, timestampMs: 9 },
      { key: 'ann', value: { spent: 0, pages: ['/cups'] }, timestampMs: 8 },
    ])
    expect(driver.counters.dropped).toBe(1)
  })

  test('names what Kafka remembers after its store', () => {
    const built = topology('shop', (builder) => {
      const rekeyed = () => builder.stream(orders).selectKey(({ customer }) => customer)
      rekeyed()
        .groupByKey()
        .cogroup(spend)
        .cogroup(rekeyed().groupByKey(), spend)
        .aggregate(empty, { store: 'profiles' })
    })
    const { repartitions, subTopologies } = describeAsJson(built)
    expect(repartitions.map(({ name }) => name)).toEqual(['profiles', 'profiles-2'])
    expect(subTopologies.at(-1)?.copartitioned).toEqual([
      ['profiles-repartition', 'profiles-2-repartition'],
    ])
  })

  test('is grouped, joined and held back as any table', async () => {
    const built = topology('shop', (builder) => {
      const table = cogrouped(builder).aggregate(empty, { store: 'profiles' })
      builder
        .stream(visits)
        .join(table, ({ page }, { spent }) => ({ spent, pages: [page] }))
        .to(profiles)
      table
        .groupBy(({ spent }) => [spent === 0 ? 'guests' : 'customers', spent], { name: 'kinds' })
        .count({ store: 'kinds' })
    })
    await using driver = new TopologyTestDriver(built)
    await driver.input(orders).send('o-1', { customer: 'ann', cents: 650 })
    for (const key of ['ann', 'bob']) await driver.input(visits).send(key, { page: '/' })
    expect(driver.output(profiles).keyValues()).toEqual([
      ['ann', { spent: 650, pages: ['/'] }],
      ['bob', { spent: 0, pages: ['/'] }],
    ])
    expect([...driver.store('kinds').all()]).toEqual([
      ['customers', 1],
      ['guests', 1],
    ])
  })

  test.each([0, 1_000_000])('is a fold over all streams (a cache of %i bytes)', async (cache) => {
    const built = topology('shop', (builder) => {
      cogrouped(builder).aggregate(empty, { store: 'profiles' })
    })
    await using driver = new TopologyTestDriver(built, { cacheMaxBytes: cache })
    const random = seededRandom(3)
    const expected = new Map<string, Profile>()
    for (let nth = 0; nth < 300; nth += 1) {
      const customer = `c-${Math.floor(random() * 9)}`
      const before = expected.get(customer) ?? empty()
      if (random() < 0.5) {
        const order = { customer, cents: Math.floor(random() * 100) - 10 }
        await driver.input(orders).send(`o-${nth}`, order)
        const after = spend(order, before)
        if (after === null) expected.delete(customer)
        else expected.set(customer, after)
      } else {
        await driver.input(visits).send(customer, { page: `/${nth}` })
        expected.set(customer, visit({ page: `/${nth}` }, before))
      }
    }
    expect(Object.fromEntries(driver.store<string, Profile>('profiles').all())).toEqual(
      Object.fromEntries(expected),
    )
  })
})

describe('a cogroup over windows', () => {
  const late = topic('late', { key: string, value: json<Order | Visit>() })
  const start = 600_000

  const counted = (emit: 'updates' | 'on-close') =>
    topology('shop', (builder) => {
      cogrouped(builder)
        .windowedBy(tumbling('1m', { grace: '0s', emit, late }))
        .aggregate(empty, { store: 'profiles', retention: '1d' })
        .toStream()
        .to(perMinute)
    })

  test('has a stream time for each stream, as in Kafka Streams', async () => {
    await using driver = new TopologyTestDriver(counted('updates'))
    await driver.input(visits).send('ann', { page: '/' }, { timestampMs: start + 90_000 })
    const order = { customer: 'ann', cents: 5 }
    await driver.input(orders).send('o-1', order, { timestampMs: start })
    await driver.input(visits).send('ann', { page: '/late' }, { timestampMs: start })
    expect(driver.output(perMinute).values()).toEqual([
      { spent: 0, pages: ['/'] },
      { spent: 5, pages: [] },
    ])
    expect(driver.output(late).values()).toEqual([{ page: '/late' }])
  })

  test('sends a result once where that waits for the close, which is one for all', async () => {
    await using driver = new TopologyTestDriver(counted('on-close'))
    await driver.input(visits).send('ann', { page: '/' }, { timestampMs: start })
    const order = { customer: 'ann', cents: 5 }
    await driver.input(orders).send('o-1', order, { timestampMs: start + 1 })
    await driver.input(orders).send('o-2', order, { timestampMs: start + 60_000 })
    await driver.input(visits).send('ann', { page: '/late' }, { timestampMs: start + 2 })
    expect(driver.output(perMinute).records()).toMatchObject([
      { value: { spent: 5, pages: ['/'] }, timestampMs: start + 1 },
    ])
    expect(driver.output(late).values()).toEqual([{ page: '/late' }])
  })

  test('merges sessions that a record of either stream brings together', async () => {
    const built = topology('shop', (builder) => {
      const table = cogrouped(builder)
        .windowedBy(session('1m', { grace: '1m' }))
        .aggregate(
          empty,
          (left, right) => ({
            spent: left.spent + right.spent,
            pages: [...left.pages, ...right.pages],
          }),
          { store: 'profiles' },
        )
      expectTypeOf(table).toEqualTypeOf<Table<Windowed<string>, Profile, Windowed<string>>>()
      table.toStream().to(perVisit)
    })
    await using driver = new TopologyTestDriver(built)
    await driver.input(visits).send('ann', { page: '/a' }, { timestampMs: start })
    await driver.input(visits).send('ann', { page: '/b' }, { timestampMs: start + 100_000 })
    const order = { customer: 'ann', cents: 5 }
    await driver.input(orders).send('o-1', order, { timestampMs: start + 50_000 })
    expect(driver.output(perVisit).keyValues().at(-1)).toEqual([
      { key: 'ann', window: { startMs: start, endMs: start + 100_000 } },
      { spent: 5, pages: ['/a', '/b'] },
    ])
  })
})

test('a cogroup of the wrong types does not compile', () => {
  topology('shop', (builder) => {
    const byNumber = topic('by-number', { key: json<number>(), value: json<Visit>() })
    const profiled = cogrouped(builder)
    // @ts-expect-error keys are of another type
    profiled.cogroup(builder.stream(byNumber).groupByKey(), visit)
    // @ts-expect-error a visit is no order
    profiled.cogroup(builder.stream(visits).groupByKey(), spend)
    // @ts-expect-error the aggregate is a profile
    profiled.aggregate(() => 0, { store: 'number' })
    // @ts-expect-error no store
    expect(() => profiled.aggregate(empty)).toThrow('cogroup has no store')
    const onlyOrders = topic('late-orders', { key: string, value: json<Order>() })
    // @ts-expect-error late visits are no orders
    profiled.windowedBy(tumbling('1m', { grace: '0s', late: onlyOrders }))
  })
})
