import { describe, expect, test } from 'vitest'
import { recovered } from '../orders.ts'
import { fails, orderPaid, OrderStory, pays, place, placed, TOTAL } from './order-story.fixtures.ts'
import type { UnmatchedPayment } from './model.ts'

const paidOrder = { customer: 'Ada', paymentId: 'p-1', amount: TOTAL }
const noOrder: UnmatchedPayment['why'] = 'no order within five minutes'

describe('a payment and its order', () => {
  test('meet when the payment comes within five minutes', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.wait('5m')
    await order.payment(pays)
    expect(order.paid()).toEqual([paidOrder])
    expect(order.unmatched()).toEqual([])
  })

  test('meet when the payment is there first', async () => {
    await using order = new OrderStory()
    await order.payment(pays)
    await order.wait('2m')
    await order.command(place)
    expect(order.paid()).toEqual([paidOrder])
    // The order was not there yet when the payment was to be recorded.
    expect(order.reasons()).toEqual(['unknown order'])
  })

  test('do not meet six minutes apart: that is told when nothing can come any more', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.wait('6m')
    await order.payment(pays)
    await order.later('5m')
    expect(order.unmatched()).toEqual([])
    await order.later('1m')
    expect(order.unmatched()).toEqual([{ payment: pays, why: noOrder }])
    expect(order.paid()).toEqual([])
  })

  test('do not meet when the payment is reported twenty minutes late: that is told at once', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment(pays, 'order-1', 3_600_000 - 20 * 60_000)
    expect(order.unmatched()).toEqual([{ payment: pays, why: noOrder }])
    expect(order.state()?.status).toBe('paid')
  })

  test('do not pair when the amount is wrong', async () => {
    await using order = new OrderStory()
    const short = { ...pays, amount: TOTAL - 1 }
    await order.command(place)
    await order.payment(short)
    expect(order.unmatched()).toEqual([{ payment: short, why: 'wrong amount' }])
    expect(order.paid()).toEqual([])
  })

  test('pair once, though the payment is reported twice', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment(pays)
    await order.payment(pays)
    expect(order.paid()).toEqual([paidOrder])
    expect(order.unmatched()).toEqual([{ payment: pays, why: 'repeated' }])
  })
})

describe('a payment that failed', () => {
  test('is charged again, and reported, recorded and paired when the bank says yes', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment(fails('4000-0000'))
    const success = { ...fails('4000-0000'), status: 'succeeded' }
    expect(order.driver.output(recovered).keyValues()).toEqual([['order-1', success]])
    expect(order.paid()).toEqual([paidOrder])
    expect(order.events().at(-1)).toEqual(orderPaid)
    expect(order.state()?.status).toBe('paid')
    expect(order.deadLetters()).toEqual([])
  })

  test('waits longer after each attempt: half a second, then a second', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment(fails('4000-0002'))
    for (const time of ['499ms', '1ms', '999ms'] as const) {
      await order.wait(time)
      expect(order.paid()).toEqual([])
    }
    await order.wait('1ms')
    expect(order.paid()).toEqual([paidOrder])
  })

  test('is a dead letter after the third attempt, with all that a person needs', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment(fails('4000-0009'))
    await order.wait('1m')
    expect(order.deadLetters()).toMatchObject([
      {
        key: Buffer.from('order-1'),
        value: Buffer.from(JSON.stringify(fails('4000-0009'))),
        topic: 'payments',
        node: 'charge-again',
        exception: 'Declined',
        message: '4000-0009 was declined, attempt 3',
        attempts: 3,
        firstFailedAtMs: 3_600_000,
        failedAtMs: 3_601_500,
      },
    ])
    expect(order.paid()).toEqual([])
    expect(order.state()?.status).toBe('placed')
  })

  test('is a dead letter at once when no attempt can help', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment(fails('4000-expired'))
    expect(order.deadLetters()).toMatchObject([{ exception: 'CardExpired', attempts: 1 }])
  })

  test('is not charged again where the order has no use for it', async () => {
    await using order = new OrderStory()
    await order.payment(fails('4000-0000'))
    await order.command(place)
    await order.payment({ ...pays, paymentId: 'p-2' })
    await order.payment(fails('4000-0009'))
    await order.wait('1m')
    expect(order.reasons()).toEqual(['unknown order', 'already paid'])
    expect(order.driver.output(recovered).values()).toEqual([])
    expect(order.deadLetters()).toEqual([])
  })

  test('holds up neither other orders nor the later commands of its own', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment(fails('4000-0002'))
    await order.command({ type: 'CancelOrder', commandId: 'c-cancel', why: 'rain' })
    expect(order.state()?.status).toBe('cancelled')
    await order.wait('10s')
    // The customer gets the money back: that is another story.
    expect(order.reasons()).toEqual(['already cancelled'])
    expect(order.events()[0]).toEqual(placed)
  })
})
