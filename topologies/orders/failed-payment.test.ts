import { describe, expect, test } from 'vitest'
import { fails, OrderStory, pays, place, TOTAL } from './order-story.fixtures.ts'

const alert = { customer: 'Ada', total: TOTAL, paymentId: 'p-1', card: '4000-0009' }

describe('an alert is given', () => {
  test('when a payment fails within five minutes of its order, at once', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.wait('4m')
    await order.payment(fails('4000-0009'))
    expect(order.alerts()).toEqual([['order-1', alert]])
  })

  test('also when something else happened to the order before it', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment({ ...pays, paymentId: 'p-0', amount: TOTAL - 1 })
    await order.payment(fails('4000-0009'))
    expect(order.alerts()).toHaveLength(1)
  })

  test('for the first failure of an order, and no other', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment(fails('4000-0009'))
    await order.payment({ ...fails('4000-0009'), paymentId: 'p-2' })
    expect(order.alerts()).toEqual([['order-1', alert]])
  })
})

describe('no alert is given', () => {
  test('when the payment fails five minutes after the order or later', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.wait('5m')
    await order.payment(fails('4000-0009'))
    expect(order.alerts()).toEqual([])
  })

  test('when the payment succeeds', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment(pays)
    await order.later('6m')
    expect(order.alerts()).toEqual([])
  })

  test('when the order that failed is another one', async () => {
    await using order = new OrderStory()
    await order.command(place)
    await order.payment(fails('4000-0009'), 'order-2')
    expect(order.alerts()).toEqual([])
  })
})
