import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import fulfilment, { orders, paid, payments, unpaid } from './fulfilment.ts'

test('an order meets its payment, whichever comes first, and one without is told', async () => {
  await using driver = new TopologyTestDriver(fulfilment)
  const order = (orderId: string, timestampMs: number) =>
    driver.input(orders).send(orderId, { orderId, customer: 'Ada' }, { timestampMs })
  const payment = (orderId: string, timestampMs: number) =>
    driver
      .input(payments)
      .send(`p-${orderId}`, { paymentId: `p-${orderId}`, orderId, amount: 12 }, { timestampMs })

  await payment('o-1', 1_000)
  await payment('o-1', 2_000)
  await order('o-1', 60_000)
  await order('o-2', 61_000)
  await order('o-3', 600_000)

  expect(driver.output(paid).values()).toEqual([
    { orderId: 'o-1', customer: 'Ada', paymentId: 'p-o-1', amount: 12 },
  ])
  expect(driver.output(unpaid).values()).toEqual([{ orderId: 'o-2', customer: 'Ada' }])
})
