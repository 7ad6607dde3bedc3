import { describe, expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import orders, { commands, events, payments, refused } from './orders.ts'
import type { Order, OrderCommand, OrderEvent, Payment, RefusedCommand } from './orders/model.ts'

const tea = { sku: 'tea', quantity: 2, price: 650 }
const cocoa = { sku: 'cocoa', quantity: 1, price: 820 }
const TOTAL = 2_120

const place: OrderCommand = {
  type: 'PlaceOrder',
  commandId: 'c-place',
  customer: 'Ada',
  lines: [tea, cocoa],
}
const ship: OrderCommand = { type: 'ShipOrder', commandId: 'c-ship', carrier: 'red-van' }
const cancel: OrderCommand = { type: 'CancelOrder', commandId: 'c-cancel', why: 'rain' }
const paid: Payment = { paymentId: 'p-1', amount: TOTAL, status: 'succeeded' }

const placed: OrderEvent = {
  type: 'OrderPlaced',
  commandId: 'c-place',
  customer: 'Ada',
  total: TOTAL,
}
const orderPaid: OrderEvent = {
  type: 'OrderPaid',
  commandId: 'p-1',
  paymentId: 'p-1',
  amount: TOTAL,
}
const shipped: OrderEvent = { type: 'OrderShipped', commandId: 'c-ship', carrier: 'red-van' }
const cancelled: OrderEvent = { type: 'OrderCancelled', commandId: 'c-cancel', why: 'rain' }

/** One order of a service that runs. */
class OrderStory implements AsyncDisposable {
  readonly driver = new TopologyTestDriver(orders, { startMs: 1_000 })

  async command(...given: readonly OrderCommand[]): Promise<void> {
    for (const command of given) await this.driver.input(commands).send('order-1', command)
  }

  payment(payment: Payment): Promise<void> {
    return this.driver.input(payments).send('order-1', payment)
  }

  sendText(text: string): Promise<void> {
    return this.driver.input(commands).sendBytes(Buffer.from('order-1'), Buffer.from(text))
  }

  /** Since the last call. */
  events(): readonly OrderEvent[] {
    return this.driver.output(events).values()
  }

  /** Since the last call. */
  refusals(): readonly RefusedCommand[] {
    return this.driver.output(refused).values()
  }

  reasons(): readonly string[] {
    return this.refusals().map(({ reason }) => reason)
  }

  state(): Order | undefined {
    return this.driver.store<string, Order>('order').get('order-1')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.driver[Symbol.asyncDispose]()
  }
}

describe('an order', () => {
  test('is placed, paid from the topic of the payment service, and shipped', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment(paid)
    await order.command(ship)
    expect(order.events()).toEqual([placed, orderPaid, shipped])
    expect(order.refusals()).toEqual([])
    expect(order.state()).toEqual({
      status: 'shipped',
      total: TOTAL,
      commandIds: ['c-place', 'p-1', 'c-ship'],
    })
  })

  test('has its events under its own key, at the time and with the headers of their commands', async () => {
    await using order = new OrderStory()
    const headers = [['trace', Buffer.from('t-1')]] as const
    await order.driver.input(commands).send('order-7', place, { timestampMs: 5_000, headers })
    expect(order.driver.output(events).records()).toEqual([
      { key: 'order-7', value: placed, timestampMs: 5_000, headers, partition: 0 },
    ])
  })

  test('goes its own way: another order does not touch it', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.driver.input(commands).send('order-2', { ...place, commandId: 'c-other' })
    await order.driver.input(commands).send('order-2', cancel)
    expect(order.state()).toEqual({ status: 'placed', total: TOTAL, commandIds: ['c-place'] })
  })

  test('may fail to be paid, and be paid at the second attempt', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment({ paymentId: 'p-0', amount: TOTAL, status: 'failed' })
    expect(order.state()?.status).toBe('placed')
    await order.payment(paid)
    expect(order.events()).toEqual([
      placed,
      { type: 'PaymentFailed', commandId: 'p-0', paymentId: 'p-0' },
      orderPaid,
    ])
    expect(order.state()?.status).toBe('paid')
  })

  test('can be cancelled until it is shipped, paid or not', async () => {
    await using unpaid = new OrderStory()
    await unpaid.command(place, cancel)
    expect(unpaid.events()).toEqual([placed, cancelled])
    await using settled = new OrderStory()
    await settled.command(place)
    await settled.payment(paid)
    await settled.command(cancel)
    expect(settled.events()).toEqual([placed, orderPaid, cancelled])
    expect(settled.state()?.status).toBe('cancelled')
  })
})

describe('a command is refused, with its reason, and changes nothing', () => {
  test('when it comes a second time', async () => {
    await using order = new OrderStory()
    await order.command(place, place)
    await order.payment(paid)
    await order.payment(paid)
    expect(order.events()).toEqual([placed, orderPaid])
    expect(order.refusals()).toEqual([
      { command: place, reason: 'repeated command' },
      {
        command: { type: 'RecordPayment', commandId: 'p-1', payment: paid },
        reason: 'repeated command',
      },
    ])
    expect(order.state()?.commandIds).toEqual(['c-place', 'p-1'])
  })

  test('when nobody has placed the order', async () => {
    await using order = new OrderStory()
    await order.command(ship, cancel)
    await order.payment(paid)
    expect(order.reasons()).toEqual(['unknown order', 'unknown order', 'unknown order'])
    expect(order.state()).toBeUndefined()
  })

  test('when the order exists already, or has no lines', async () => {
    await using order = new OrderStory()
    await order.command({ ...place, commandId: 'c-empty', lines: [] }, place, {
      ...place,
      commandId: 'c-again',
    })
    expect(order.reasons()).toEqual(['empty order', 'order exists'])
    expect(order.events()).toEqual([placed])
  })

  test('when a payment has the wrong amount, or the order is paid', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment({ ...paid, paymentId: 'p-less', amount: TOTAL - 1 })
    await order.payment(paid)
    await order.payment({ ...paid, paymentId: 'p-more' })
    expect(order.reasons()).toEqual(['wrong amount', 'already paid'])
    expect(order.events()).toEqual([placed, orderPaid])
  })

  test('when it is to be shipped before it is paid', async () => {
    await using order = new OrderStory()
    await order.command(place, ship)
    expect(order.reasons()).toEqual(['not paid'])
    expect(order.state()?.status).toBe('placed')
  })

  test('when the order is shipped or cancelled, whatever it asks for', async () => {
    await using gone = new OrderStory()
    await gone.command(place)
    await gone.payment(paid)
    await gone.command(ship, cancel, { ...ship, commandId: 'c-twice' })
    await gone.payment({ ...paid, paymentId: 'p-late' })
    expect(gone.reasons()).toEqual(['already shipped', 'already shipped', 'already shipped'])
    await using off = new OrderStory()
    await off.command(place, cancel, ship)
    await off.payment(paid)
    expect(off.reasons()).toEqual(['already cancelled', 'already cancelled'])
  })

  test('when it is JSON that is no command of ours', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.sendText('{"type":"PaintOrder","commandId":"c-paint"}')
    await order.sendText('42')
    expect(order.reasons()).toEqual(['unknown command', 'unknown command'])
    expect(order.state()?.commandIds).toEqual(['c-place'])
  })
})

describe('a record that cannot be processed becomes a dead letter', () => {
  test('when it is not JSON: as it was read, with the headers of KIP-1034', async () => {
    await using order = new OrderStory()
    const source = [['trace', Buffer.from('t-1')]] as const
    await order.command(place)
    await order.driver
      .input(commands)
      .sendBytes(Buffer.from('order-1'), Buffer.from('{"type":'), { headers: source })
    await order.payment(paid)
    const [letter, ...others] = order.driver.deadLetters()
    expect(others).toEqual([])
    expect(letter).toEqual({
      key: Buffer.from('order-1'),
      value: Buffer.from('{"type":'),
      timestampMs: 1_000,
      headers: source,
      topic: 'orders.commands',
      partition: 0,
      offset: 1,
      exception: 'SyntaxError',
      message: 'Unexpected end of JSON input',
      stackTrace: expect.stringContaining('SyntaxError: Unexpected end of JSON input') as string,
      code: 'SERDE_FAILED',
      node: 'source(orders.commands)',
      task: '0_0',
      application: 'orders',
      attempts: 1,
      failedAtMs: 1_000,
      firstFailedAtMs: 1_000,
      redrives: 0,
    })
    expect(order.events()).toEqual([placed, orderPaid])
  })

  test('when the rules of an order throw: its state is as before, and the next command works', async () => {
    await using order = new OrderStory()
    const withoutLines = '{"type":"PlaceOrder","commandId":"c-bug","customer":"Ada"}'
    await order.sendText(withoutLines)
    expect(order.state()).toBeUndefined()
    await order.command(place)
    const letters = order.driver.deadLetters()
    expect(
      letters.map(({ value, code, exception, node }) => ({
        value: Buffer.from(value ?? []).toString(),
        code,
        exception,
        node,
      })),
    ).toEqual([
      {
        value: withoutLines,
        code: 'PROCESSING_FAILED',
        exception: 'TypeError',
        node: 'decide(order)',
      },
    ])
    expect(order.events()).toEqual([placed])
    expect(order.refusals()).toEqual([])
    expect(order.state()?.commandIds).toEqual(['c-place'])
  })

  test('when a payment is not JSON: it names the topic it came from', async () => {
    await using order = new OrderStory()
    await order.driver.input(payments).sendBytes(Buffer.from('order-1'), Buffer.from('paid!'))
    const letters = order.driver.deadLetters()
    expect(letters.map(({ topic, code }) => [topic, code])).toEqual([['payments', 'SERDE_FAILED']])
  })
})
