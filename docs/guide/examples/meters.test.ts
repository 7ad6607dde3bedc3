import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import meters, { perQuarter, readings } from './meters.ts'

const MINUTE = 60_000

test('a meter that falls silent still gets the result of its last quarter of an hour', async () => {
  await using driver = new TopologyTestDriver(meters)
  const input = driver.input(readings)
  await input.send('cellar', { takenAtMs: 2 * MINUTE, wattHours: 30 })
  await input.send('cellar', { takenAtMs: 12 * MINUTE, wattHours: 40 })
  await driver.advanceTime('3m')
  expect(driver.output(perQuarter).values()).toEqual([])
  await driver.advanceTime('2m')
  expect(driver.output(perQuarter).values()).toEqual([70])
})

test('a reading without a time is left out', async () => {
  await using driver = new TopologyTestDriver(meters)
  await driver.input(readings).send('attic', { takenAtMs: Number.NaN, wattHours: 30 })
  expect(driver.counters.dropped).toBe(1)
})
