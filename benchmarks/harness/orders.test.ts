import { expect, test } from 'vitest'
import { orderIndexOf, orderJson, orderKey } from './orders.ts'

test('orders are those that other stream processors are measured with', () => {
  const order = (index: number): readonly [string, string] => [
    orderKey(index),
    orderJson(index, 1_795_473_300_000 + index),
  ]
  expect([0, 1, 999].map(order)).toEqual([
    [
      'c-55919',
      '{"orderId":"o-0","customerId":"c-55919","eventType":"ORDER_CREATED","amount":424.20,"currency":"EUR","region":"eu-central-1","ts":1795473300000}',
    ],
    [
      'c-70849',
      '{"orderId":"o-1","customerId":"c-70849","eventType":"ORDER_CREATED","amount":257.97,"currency":"EUR","region":"eu-central-1","ts":1795473300001}',
    ],
    [
      'c-52092',
      '{"orderId":"o-999","customerId":"c-52092","eventType":"ORDER_CREATED","amount":282.62,"currency":"EUR","region":"eu-central-1","ts":1795473300999}',
    ],
  ])
  expect(orderIndexOf(Buffer.from(orderJson(42, 0, 10_000)))).toBe(42)
})
