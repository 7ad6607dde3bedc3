import { describe, expect, test } from 'vitest'
import { commands, events, payments } from './orders.ts'
import {
  cancel,
  cancelled,
  fails,
  orderPaid,
  OrderStory,
  paymentFailed,
  pays,
  place,
  placed,
  ship,
  shipped,
  TOTAL,
} from './orders/order-story.fixtures.ts'

describe('an order', () => {
  test('is placed, paid from the topic of the payment service, and shipped', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment(pays)
    await order.command(ship)
    expect(order.events()).toEqual([placed, orderPaid, shipped])
    expect(order.refusals()).toEqual([])
    expect(order.state()).toEqual({
      status: 'shipped',
      total: TOTAL,
      commandIds: ['c-place', 'p-1:succeeded', 'c-ship'],
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
    await order.payment(fails('4000-0009'))
    expect(order.state()?.status).toBe('placed')
    await order.payment({ ...pays, paymentId: 'p-2' })
    expect(order.events()).toEqual([
      placed,
      paymentFailed(fails('4000-0009')),
      { ...orderPaid, commandId: 'p-2:succeeded', paymentId: 'p-2' },
    ])
    expect(order.state()?.status).toBe('paid')
  })

  test('can be cancelled until it is shipped, paid or not', async () => {
    await using unpaid = new OrderStory()
    await unpaid.command(place, cancel)
    expect(unpaid.events()).toEqual([placed, cancelled])
    await using settled = new OrderStory()
    await settled.command(place)
    await settled.payment(pays)
    await settled.command(cancel)
    expect(settled.events()).toEqual([placed, orderPaid, cancelled])
    expect(settled.state()?.status).toBe('cancelled')
  })
})

describe('a command is refused, with its reason, and changes nothing', () => {
  test('when it comes a second time', async () => {
    await using order = new OrderStory()
    await order.command(place, place)
    await order.payment(pays)
    await order.payment(pays)
    expect(order.events()).toEqual([placed, orderPaid])
    expect(order.refusals()).toEqual([
      { command: place, reason: 'repeated command' },
      {
        command: { type: 'RecordPayment', commandId: 'p-1:succeeded', payment: pays },
        reason: 'repeated command',
      },
    ])
    expect(order.state()?.commandIds).toEqual(['c-place', 'p-1:succeeded'])
  })

  test('when nobody has placed the order', async () => {
    await using order = new OrderStory()
    await order.command(ship, cancel)
    await order.payment(pays)
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
    await order.payment({ ...pays, paymentId: 'p-less', amount: TOTAL - 1 })
    await order.payment(pays)
    await order.payment({ ...pays, paymentId: 'p-more' })
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
    await gone.payment(pays)
    await gone.command(ship, cancel, { ...ship, commandId: 'c-twice' })
    await gone.payment({ ...pays, paymentId: 'p-late' })
    expect(gone.reasons()).toEqual(['already shipped', 'already shipped', 'already shipped'])
    await using off = new OrderStory()
    await off.command(place, cancel, ship)
    await off.payment(pays)
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
    await order.payment(pays)
    const [letter, ...others] = order.driver.deadLetters()
    expect(others).toEqual([])
    expect(letter).toEqual({
      key: Buffer.from('order-1'),
      value: Buffer.from('{"type":'),
      timestampMs: 3_600_000,
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
      failedAtMs: 3_600_000,
      firstFailedAtMs: 3_600_000,
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
