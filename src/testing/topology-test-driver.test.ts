import { describe, expect, test } from 'vitest'
import {
  deadLetters,
  json,
  session,
  sessionWindowed,
  string,
  topic,
  topology,
  tumbling,
  windowed,
} from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'

interface Order {
  readonly customer: string
  readonly cents: number
}

const orders = topic('orders', { key: string, value: json<Order>() })
const payments = topic('payments', { key: string, value: json<number>() })
const perCustomer = topic('per-customer', { key: string, value: json<number>() })
const large = topic('large', { key: string, value: json<Order>() })
const failed = deadLetters('failed')

/** Orders by customer, in a store behind a repartition topic; large ones go on as they are. */
const spending = topology('spending', { deadLetters: failed }, (builder) => {
  const placed = builder.stream(orders)
  placed.filter(({ cents }) => cents > 1_000).to(large)
  placed
    .groupBy(({ customer }) => customer, { name: 'by-customer' })
    .aggregate(
      () => 0,
      ({ cents }, sum) => sum + cents,
      { store: 'spent' },
    )
    .toStream()
    .to(perCustomer)
})

const customers = ['ada', 'bob', 'cyd', 'dan', 'eve', 'fay', 'gil', 'hal']
const order = (customer: string, cents = 100): Order => ({ customer, cents })

describe('several partitions', () => {
  test('keys are spread over them, and equal ones meet behind a repartition topic', async () => {
    await using driver = new TopologyTestDriver(spending, { partitions: 3 })
    for (const [i, customer] of [...customers, ...customers].entries()) {
      await driver.input(orders).send(`o-${i}`, order(customer))
    }
    const records = driver.output(perCustomer).records()
    const partitions = new Map(records.map(({ key, partition }) => [key, partition]))
    expect(new Set(partitions.values())).toEqual(new Set([0, 1, 2]))
    for (const { key, partition } of records) expect(partition).toBe(partitions.get(key))
    expect(records.slice(-8).map(({ key, value }) => [key, value])).toEqual(
      customers.map((customer) => [customer, 200]),
    )
  })

  test('a store is that of all partitions, or of one', async () => {
    await using driver = new TopologyTestDriver(spending, { partitions: 3 })
    for (const customer of customers) await driver.input(orders).send(null, order(customer))
    const spent = driver.store<string, number>('spent')
    expect(spent.get('ada')).toBe(100)
    expect(spent.getWithTimestamp('ada')).toEqual({ value: 100, timestampMs: 0 })
    expect(spent.get('zoe')).toBeUndefined()
    expect([...spent.all()].map(([key]) => key).toSorted()).toEqual(customers)
    expect(spent.approximateCount()).toBe(customers.length)
    const parts = [0, 1, 2].map((partition) => [
      ...driver.store<string, number>('spent', { partition }).all(),
    ])
    expect(parts.flat()).toEqual([...spent.all()])
    expect(parts.map((rows) => rows.length)).not.toContain(0)
    expect(() => driver.store('spent', { partition: 3 })).toThrow('3 partitions')
  })

  test('a record can be sent to a partition of its own', async () => {
    await using driver = new TopologyTestDriver(spending, { partitions: 3 })
    const input = driver.input(orders)
    await input.send('o-1', order('ada', 2_000), { partition: 2 })
    expect(driver.output(large).records()).toMatchObject([{ key: 'o-1', partition: 0 }])
    await input.sendBytes(null, Buffer.from('{'), { partition: 1 })
    expect(driver.deadLetters()).toMatchObject([{ topic: 'orders', partition: 1, offset: 0 }])
    await expect(input.send('o-2', order('ada'), { partition: 3 })).rejects.toThrow('none is 3')
  })

  test('topics that must be alike are checked, as when an application starts', () => {
    const joined = topology('joined', (builder) => {
      const paid = builder.table(payments, { store: 'paid' })
      builder
        .stream(orders)
        .join(paid, ({ cents }, amount) => cents - amount)
        .to(perCustomer)
    })
    const partitions = { orders: 3, payments: 2 }
    expect(() => new TopologyTestDriver(joined, { partitions })).toThrow(
      expect.objectContaining({ code: 'TOPIC_MISMATCHED' }),
    )
    expect(() => new TopologyTestDriver(joined, { partitions: 0 })).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG' }),
    )
  })

  test('a pattern finds the topics that are named', async () => {
    const anywhere = topology('anywhere', (builder) =>
      builder.stream(/^orders\./, { key: string, value: json<Order>() }).to(large),
    )
    const [eu, us] = ['eu', 'us'].map((each) =>
      topic(`orders.${each}`, { key: string, value: json<Order>() }),
    )
    await using driver = new TopologyTestDriver(anywhere, {
      partitions: { 'orders.eu': 2, 'orders.us': 1 },
    })
    await driver.input(eu!).send('o-1', order('ada'))
    await driver.input(us!).send('o-2', order('bob'))
    expect(driver.output(large).keyValues()).toEqual([
      ['o-1', order('ada')],
      ['o-2', order('bob')],
    ])
    expect(() => new TopologyTestDriver(anywhere)).toThrow('no cluster to look for topics')
  })

  test('windows and sessions of all partitions are read as one', async () => {
    const perMinute = topic('per-minute', { key: windowed(string, '1m'), value: json<number>() })
    const visits = topic('visits', { key: sessionWindowed(string), value: json<number | null>() })
    const counting = topology('counting', (builder) => {
      const byKey = builder.stream(payments).groupByKey()
      byKey
        .windowedBy(tumbling('1m', { grace: '0s' }))
        .count({ store: 'minutes' })
        .toStream()
        .to(perMinute)
      byKey
        .windowedBy(session('1m', { grace: '0s' }))
        .count({ store: 'visits' })
        .toStream()
        .to(visits)
    })
    await using driver = new TopologyTestDriver(counting, { partitions: 4 })
    for (const customer of customers) await driver.input(payments).send(customer, 1)
    const minutes = driver.windowStore<string, number>('minutes')
    const names = [...minutes.fetchAll(0, 0)].map(([{ key }]) => key)
    expect(names.toSorted()).toEqual(customers)
    expect([...minutes.fetch('eve', 0, 0)].map(([, count]) => count)).toEqual([1])
    const found = driver.sessionStore<string, number>('visits').findSessions('eve', 0, 1)
    expect([...found].map(([, count]) => count)).toEqual([1])
    expect(driver.output(perMinute).values()).toHaveLength(8)
    expect(driver.output(visits).values()).toHaveLength(8)
  })
})

describe('records', () => {
  test('are piped on to another topology with their times and headers', async () => {
    const invoicing = topology('invoicing', (builder) => {
      builder
        .stream(large)
        .selectKey(({ customer }) => customer)
        .to(orders)
    })
    await using first = new TopologyTestDriver(spending)
    await using second = new TopologyTestDriver(invoicing)
    const headers = [['source', Buffer.from('web')]] as const
    await first.input(orders).send('o-1', order('ada', 5_000), { timestampMs: 7, headers })
    await first.input(orders).send('o-2', order('bob', 50))
    await first.output(large).pipeTo(second.input(large))
    expect(second.output(orders).records()).toMatchObject([
      { key: 'ada', value: order('ada', 5_000), timestampMs: 7, headers, partition: 0 },
    ])
    expect(first.output(large).records()).toEqual([])
  })

  test('that a topology sends to a topic it reads go round', async () => {
    const halving = topology('halving', (builder) => {
      const { more, default: done } = builder.stream(payments).split({ more: (n) => n > 1 })
      more.mapValues((n) => Math.floor(n / 2)).to(payments)
      done.to(perCustomer)
    })
    await using driver = new TopologyTestDriver(halving)
    await driver.input(payments).send('ada', 10)
    expect(driver.output(perCustomer).keyValues()).toEqual([['ada', 1]])
    expect(driver.output(payments).values()).toEqual([10, 5, 2, 1])
  })

  test('go nowhere but to a topic that is read', () => {
    const driver = new TopologyTestDriver(spending)
    expect(() => driver.input(payments)).toThrow(
      expect.objectContaining({ code: 'TOPIC_MISSING', hint: 'Send to one of: orders.' }),
    )
  })
})

test('a driver costs next to nothing: a thousand tests take seconds', async () => {
  for (let i = 0; i < 1_000; i++) {
    await using driver = new TopologyTestDriver(spending)
    for (const customer of ['ada', 'bob', 'ada']) {
      await driver.input(orders).send('o', order(customer, i))
    }
    expect(driver.output(perCustomer).values()).toEqual([i, i, 2 * i])
  }
}, 10_000)

test('describe shows the topology, and nowMs the wall clock', async () => {
  await using driver = new TopologyTestDriver(spending, { startMs: 1_000 })
  await driver.advanceTime('2s')
  expect(driver.nowMs).toBe(3_000)
  expect(driver.describe()).toContain('Sub-topology: 1')
})
