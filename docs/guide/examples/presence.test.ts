import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import topology, { pages, visits } from './presence.ts'

test('a visitor who comes back after half an hour is counted from one again', async () => {
  await using driver = new TopologyTestDriver(topology)
  const minute = 60_000
  for (const timestampMs of [0, 29 * minute, 58 * minute, 88 * minute]) {
    await driver.input(visits).send('ada', { page: '/' }, { timestampMs })
  }
  expect(driver.output(pages).values()).toEqual([1, 2, 3, 1])
})
