import { TopologyTestDriver } from 'millrace/testing'
import { expect, test } from 'vitest'
import unpaidOrders, { calls, orders } from './unpaid-orders.ts'

test('who does not pay after two reminders is called when three days are over', async () => {
  await using driver = new TopologyTestDriver(unpaidOrders)
  const input = driver.input(orders)
  for (const customer of ['Ada', 'Bob']) await input.send(customer, { type: 'Placed', customer })
  for (let reminder = 0; reminder < 2; reminder++) {
    await driver.advanceTime('1d')
    for (const customer of ['Ada', 'Bob']) await input.send(customer, { type: 'Reminded' })
  }
  await input.send('Bob', { type: 'Paid' })
  await driver.advanceTime('23h')
  expect(driver.output(calls).keyValues()).toEqual([])
  // No record comes: time goes on with the clock.
  await driver.advanceTime('2h')
  expect(driver.output(calls).keyValues()).toEqual([['Ada', 'call Ada']])
})
