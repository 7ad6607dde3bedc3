import { TopologyTestDriver } from 'millrace/testing'
import { expect, test } from 'vitest'
import conversions, { inEuros, payments, rates } from './conversions.ts'

test('a payment waits for the rate of its currency, and others of its key behind it', async () => {
  await using driver = new TopologyTestDriver(conversions)
  const input = driver.input(payments)
  await input.send('ada', { currency: 'CHF', amount: 10 })
  await input.send('ada', { currency: 'EUR', amount: 2 })
  await input.send('bob', { currency: 'EUR', amount: 7 })
  expect(driver.output(inEuros).keyValues()).toEqual([['bob', 7]])
  rates.set('CHF', 1.1)
  await driver.advanceTime('1s')
  expect(driver.output(inEuros).keyValues()).toEqual([
    ['ada', 11],
    ['ada', 2],
  ])
})

test('one whose rate never comes is a dead letter after five attempts', async () => {
  await using driver = new TopologyTestDriver(conversions)
  await driver.input(payments).send('ada', { currency: 'ABC', amount: 10 })
  await driver.advanceTime('1m')
  expect(driver.deadLetters()).toMatchObject([
    { attempts: 5, message: 'no rate of ABC yet', firstFailedAtMs: 0, failedAtMs: 15_000 },
  ])
})
