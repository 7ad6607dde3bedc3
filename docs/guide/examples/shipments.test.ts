import { TopologyTestDriver } from 'millrace/testing'
import { expect, test } from 'vitest'
import shipments, { parcels, trucks } from './shipments.ts'

test('a truck leaves with fifty parcels, or two hours after its first', async () => {
  await using driver = new TopologyTestDriver(shipments)
  for (let nth = 1; nth <= 52; nth++) {
    await driver.input(parcels).send('berlin', { id: `p-${nth}`, grams: 100 })
  }
  const [first] = driver.output(trucks).values()
  expect(first?.parcels).toHaveLength(50)
  await driver.advanceTime('2h')
  expect(driver.output(trucks).keyValues()).toEqual([
    ['berlin', { parcels: ['p-51', 'p-52'], grams: 200 }],
  ])
})
