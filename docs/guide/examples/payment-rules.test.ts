import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import topology, { alerts, payments, rules } from './payment-rules.ts'

test('every payment is checked by the latest version of each rule', async () => {
  await using driver = new TopologyTestDriver(topology)
  const large = { version: 1, country: 'GB', aboveCents: 1_000, active: true }
  const pay = (cents: number) => driver.input(payments).send('ada', { country: 'GB', cents })
  const alert = () => driver.output(alerts).values()

  await pay(5_000)
  await driver.input(rules).send('large', large)
  await pay(5_000)
  expect(alert()).toEqual(['large, version 1'])

  await driver.input(rules).send('large', { ...large, version: 3, aboveCents: 9_000 })
  await driver.input(rules).send('large', { ...large, version: 2, aboveCents: 10 })
  await pay(5_000)
  await pay(10_000)
  expect(alert()).toEqual(['large, version 3'])

  await driver.input(rules).send('large', { ...large, version: 4, active: false })
  await pay(10_000)
  expect(alert()).toEqual([])
})
