import { describe, expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import { correlate } from './correlate.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

interface Order {
  readonly id: string
  readonly sku: string
}
interface Payment {
  readonly orderId: string
  readonly amount: number
}

const orders = topic('orders', { key: string, value: json<Order>() })
const payments = topic('payments', { key: string, value: json<Payment>() })
const shipments = topic('shipments', { key: string, value: string })
const complete = topic('complete', { key: string, value: json<object>() })
const overdue = topic('overdue', { key: string, value: json<object>() })
const stray = topic('stray', { key: string, value: json<object>() })

const fulfilment = (options: object = {}) =>
  topology('fulfilment', (builder) => {
    const done = correlate(
      {
        order: builder.stream(orders),
        payment: builder.stream(payments),
        shipment: builder.stream(shipments),
      },
      { within: '10s', grace: '2s', store: 'fulfilment', ...options },
    )
    done.to(complete)
    done.timedOut.to(overdue)
    done.late.to(stray)
  })

const order: Order = { id: 'o-1', sku: 'tea' }
const payment: Payment = { orderId: 'o-1', amount: 12 }

async function open(options?: object) {
  const driver = new TopologyTestDriver(fulfilment(options))
  const send = {
    order: (timestampMs: number, value = order, key = 'o-1') =>
      driver.input(orders).send(key, value, { timestampMs }),
    payment: (timestampMs: number, value = payment, key = 'o-1') =>
      driver.input(payments).send(key, value, { timestampMs }),
    shipment: (timestampMs: number, value = 'truck', key = 'o-1') =>
      driver.input(shipments).send(key, value, { timestampMs }),
  }
  const out = (name: typeof complete) =>
    driver
      .output(name)
      .records()
      .map(({ key, value, timestampMs }) => [key, value, timestampMs])
  return { driver, send, out, [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() }
}

describe('correlate', () => {
  test('gives the parts of an id once they are all there, in whatever order they came', async () => {
    await using run = await open()
    await run.send.shipment(5_000)
    await run.send.order(1_000)
    expect(run.out(complete)).toEqual([])
    await run.send.payment(3_000)
    expect(run.out(complete)).toEqual([['o-1', { order, payment, shipment: 'truck' }, 5_000]])
    await run.send.order(60_000, order, 'o-9')
    expect(run.out(overdue)).toEqual([])
  })

  test('gives up when stream time is past the first part by the time and the grace', async () => {
    await using run = await open()
    await run.send.order(1_000)
    await run.send.payment(2_000)
    await run.send.order(12_999, order, 'o-9')
    expect(run.out(overdue)).toEqual([])
    await run.send.order(13_000, order, 'o-9')
    expect(run.out(overdue)).toEqual([['o-1', { order, payment }, 11_000]])
    expect(run.out(complete)).toEqual([])
  })

  test('a part within the time that comes late, but in the grace, completes', async () => {
    await using run = await open()
    await run.send.order(1_000)
    await run.send.payment(2_000)
    await run.send.order(12_500, order, 'o-9')
    await run.send.shipment(11_000)
    expect(run.out(complete)).toHaveLength(1)
  })

  test('a part that is too far from the others begins another result', async () => {
    await using run = await open()
    await run.send.order(1_000)
    await run.send.payment(11_001)
    expect(run.out(overdue)).toEqual([['o-1', { order }, 11_000]])
    await run.send.order(12_000)
    await run.send.shipment(12_000)
    expect(run.out(complete)).toEqual([['o-1', { order, payment, shipment: 'truck' }, 12_000]])
  })

  test('what belongs to a result that is out is late, also when its time was up', async () => {
    await using run = await open()
    await run.send.order(1_000)
    await run.send.order(20_000, order, 'o-9')
    await run.send.payment(3_000)
    expect(run.out(stray)).toEqual([['o-1', { part: 'payment', value: payment }, 3_000]])
    await run.send.order(30_000, order, 'o-2')
    await run.send.payment(30_000, payment, 'o-2')
    await run.send.shipment(30_000, 'truck', 'o-2')
    await run.send.shipment(31_000, 'again', 'o-2')
    expect(run.out(stray)).toEqual([['o-2', { part: 'shipment', value: 'again' }, 31_000]])
  })

  test('keeps nothing of an id once its time is over', async () => {
    await using run = await open()
    await run.send.order(1_000)
    await run.send.payment(1_000)
    await run.send.shipment(1_000)
    await run.send.order(2_000, order, 'o-2')
    await run.send.order(20_000, order, 'o-9')
    const ids = [...run.driver.store<string, unknown>('fulfilment').all()].map(([id]) => id)
    // Of o-2, whose time was up, it is kept for as long again that it was.
    expect(ids).toEqual(['o-2', 'o-9'])
    await run.send.order(200_000, order, 'o-9')
    expect([...run.driver.store<string, unknown>('fulfilment').all()]).toHaveLength(1)
  })

  test.each([
    ['last', 'bag'],
    ['first', 'tea'],
  ] as const)('of several parts of a stream the %s counts', async (repeated, sku) => {
    await using run = await open({ repeated })
    await run.send.order(1_000)
    await run.send.order(2_000, { ...order, sku: 'bag' })
    await run.send.payment(3_000)
    await run.send.shipment(3_000)
    expect(run.out(complete)).toMatchObject([['o-1', { order: { sku } }, 3_000]])
  })

  test('is done without the parts that it does not require', async () => {
    await using run = await open({ required: ['order', 'payment'] })
    await run.send.order(1_000)
    await run.send.payment(2_000)
    expect(run.out(complete)).toEqual([['o-1', { order, payment }, 2_000]])
  })

  test('gives up by the wall clock when no part comes, where it is told to', async () => {
    await using run = await open({ idleClose: '1m' })
    await run.send.order(1_000)
    await run.driver.advanceTime('59s')
    await run.send.payment(2_000)
    await run.driver.advanceTime('59s')
    expect(run.out(overdue)).toEqual([])
    await run.driver.advanceTime('1s')
    expect(run.out(overdue)).toEqual([['o-1', { order, payment }, 11_000]])
  })

  test('leaves out what has no key or no value', async () => {
    await using run = await open()
    await run.driver.input(orders).send(null, order, { timestampMs: 1_000 })
    await run.driver.input(orders).send('o-1', null, { timestampMs: 1_000 })
    expect(run.driver.counters.dropped).toBe(2)
  })
})

test('records meet by an id that is not their key', async () => {
  const byId = topology('by-id', (builder) => {
    correlate(
      { order: builder.stream(orders), payment: builder.stream(payments) },
      {
        by: (part) => ('orderId' in part ? part.orderId : part.id),
        within: '1m',
        grace: '0ms',
        store: 'paid',
        key: string,
      },
    )
      .mapValues(({ order: { sku }, payment: { amount } }) => ({ sku, amount }))
      .to(complete)
  })
  await using driver = new TopologyTestDriver(byId)
  await driver.input(orders).send('customer-1', order, { timestampMs: 1 })
  await driver.input(payments).send('bank-7', payment, { timestampMs: 2 })
  expect(driver.output(complete).keyValues()).toEqual([['o-1', { sku: 'tea', amount: 12 }]])
  expect(driver.describe()).toContain('paid-order')
})

test('what cannot be guessed has to be said', () => {
  const build = (options: object) =>
    topology('mistaken', (builder) => {
      correlate(
        { order: builder.stream(orders), payment: builder.stream(payments) },
        options as never,
      ).to(complete)
    })
  const refused = (message: string) =>
    expect.objectContaining({ code: 'INVALID_TOPOLOGY', message }) as Error
  expect(() => build({ within: '1m', store: 'paid' })).toThrow(refused('correlate has no grace'))
  expect(() => build({ grace: '1m', store: 'paid' })).toThrow(refused('correlate has no within'))
  expect(() => build({ within: '1m', grace: '1m' })).toThrow(refused('correlate has no store'))
  const wrong = { within: '1m', grace: '1m', store: 'paid', required: ['invoice'] }
  expect(() => build(wrong)).toThrow(
    refused('correlate requires a part "invoice", which none of its streams is called'),
  )
})
