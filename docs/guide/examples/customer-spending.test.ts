import { TopologyTestDriver } from 'millrace/testing'
import { expect, test } from 'vitest'
import customerSpending, { payments, spending } from './customer-spending.ts'

test('only payments that succeeded count', async () => {
  await using driver = new TopologyTestDriver(customerSpending)
  const input = driver.input(payments)
  await input.send('p-1', { customer: 'ada', cents: 1_200, status: 'succeeded' })
  await input.send('p-2', { customer: 'ada', cents: 900, status: 'failed' })
  await input.send('p-3', { customer: 'ada', cents: 300, status: 'succeeded' })
  expect(driver.output(spending).keyValues()).toEqual([
    ['ada', 1_200],
    ['ada', 1_500],
  ])
})
