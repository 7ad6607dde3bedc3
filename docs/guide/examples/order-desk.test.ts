import { TopologyTestDriver } from 'millrace/testing'
import { expect, test } from 'vitest'
import orderDesk, {
  addresses,
  confirmations,
  countries,
  customers,
  labels,
  latePayments,
  orders,
  paid,
  payments,
  reminders,
  taxes,
} from './order-desk.ts'

const MINUTE_MS = 60_000
const at = (minutes: number) => ({ timestampMs: minutes * MINUTE_MS })
const order = { customer: 'ada', cents: 900 }

test('an order meets its payment, whichever comes first', async () => {
  await using driver = new TopologyTestDriver(orderDesk)
  await driver.input(orders).send('o-1', order, at(100))
  await driver.input(payments).send('o-1', { cents: 400 }, at(130))
  await driver.input(payments).send('o-1', { cents: 500 }, at(160))
  await driver.input(payments).send('o-2', { cents: 900 }, at(161))
  await driver.input(orders).send('o-2', order, at(162))
  expect(
    driver
      .output(paid)
      .records()
      .map(({ value, timestampMs }) => [value, timestampMs / MINUTE_MS]),
  ).toEqual([
    ['o-1: 400 of 900', 130],
    ['o-1: 500 of 900', 160],
    ['o-2: 900 of 900', 162],
  ])
})

test('a payment that is later than the grace goes to a topic of its own', async () => {
  await using driver = new TopologyTestDriver(orderDesk)
  await driver.input(payments).send('o-1', { cents: 1 }, at(1_000))
  await driver.input(payments).send('o-2', { cents: 2 }, at(875))
  await driver.input(payments).send('o-3', { cents: 3 }, at(876))
  expect(driver.output(latePayments).keyValues()).toEqual([['o-2', { cents: 2 }]])
})

test('an order that nobody pays is reminded of once, when no payment can come any more', async () => {
  await using driver = new TopologyTestDriver(orderDesk)
  const day = 24 * 60
  await driver.input(orders).send('o-1', order, at(0))
  await driver.input(orders).send('o-2', order, at(0))
  await driver.input(payments).send('o-2', { cents: 900 }, at(day))
  await driver.input(orders).send('o-3', order, at(day + 5))
  expect(driver.output(reminders).keyValues()).toEqual([])
  await driver.input(orders).send('o-4', order, at(day + 6))
  await driver.input(orders).send('o-5', order, at(day + 7))
  expect(driver.output(reminders).keyValues()).toEqual([['o-1', '900 due']])
})

test('tables are met by an order, by their keys, and by a key in the row', async () => {
  await using driver = new TopologyTestDriver(orderDesk)
  await driver.input(orders).send('o-1', order)
  await driver.input(customers).send('ada', { name: 'Ada', country: 'GB' })
  await driver.input(orders).send('o-2', order)
  expect(driver.output(confirmations).keyValues()).toEqual([['ada', 'Dear Ada, that is 900']])
  await driver.input(addresses).send('ada', { street: '12 St James Square' })
  expect(driver.output(labels).values()).toEqual([
    'Ada, address unknown',
    'Ada, 12 St James Square',
  ])
  await driver.input(countries).send('GB', { vatPercent: 20 })
  await driver.input(countries).send('GB', { vatPercent: 21 })
  expect(driver.output(taxes).values()).toEqual(['Ada pays 20 %', 'Ada pays 21 %'])
})
