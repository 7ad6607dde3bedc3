import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import spending, { interests, payments, spreads, totals, unusual, visits } from './spending.ts'

test('a payment is unusual beside the last ten of its customer', async () => {
  await using driver = new TopologyTestDriver(spending)
  for (let nth = 0; nth < 12; nth += 1) {
    const cents = nth < 2 ? 90_000 : 100
    await driver.input(payments).send('ada', { cents, country: 'GB' }, { timestampMs: nth })
  }
  expect(driver.output(unusual).values()).toEqual([])
  await driver.input(payments).send('ada', { cents: 2_000, country: 'FR' }, { timestampMs: 12 })
  expect(driver.output(unusual).values()).toEqual([{ cents: 2_000, country: 'FR' }])
  expect(driver.output(totals).values().at(-1)).toEqual({
    payments: 13,
    cents: 183_000,
    country: 'FR',
  })
  expect(driver.output(spreads).values().at(-1)).toBe(89_900)
})

test('payments and visits make one row', async () => {
  await using driver = new TopologyTestDriver(spending)
  await driver.input(visits).send('ada', { page: '/tea' })
  await driver.input(payments).send('ada', { cents: 650, country: 'GB' })
  expect(driver.output(interests).values()).toEqual([
    { pages: 1, cents: 0 },
    { pages: 1, cents: 650 },
  ])
})
