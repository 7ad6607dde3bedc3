import { TopologyTestDriver } from 'millrace/testing'
import { expect, test } from 'vitest'
import clickTopology, { clicks, perUser, type Click } from './clicks.ts'
import invoiceTopology, { orders } from './invoices.ts'
import sensors, { readings, silences } from './sensors.ts'

test('a sensor that is silent for a minute is reported', async () => {
  await using driver = new TopologyTestDriver(sensors, { startMs: Date.UTC(2026, 0, 1) })
  await driver.input(readings).send('attic', { celsius: 31 })
  await driver.advanceTime('1m')
  expect(driver.output(silences).keyValues()).toEqual([
    ['attic', { sensor: 'attic', silentForMs: 60_000 }],
  ])
  expect(driver.store('last-seen').get('attic')).toBeUndefined()
})

test('what cannot be read becomes a dead letter', async () => {
  await using driver = new TopologyTestDriver(invoiceTopology)
  await driver.input(orders).sendBytes(Buffer.from('o-1'), Buffer.from('{"customer":'))
  const [letter] = driver.deadLetters()
  expect(letter).toMatchObject({ code: 'SERDE_FAILED', topic: 'orders', offset: 0 })
})

test('a failure that stops the application is thrown by send', async () => {
  await using driver = new TopologyTestDriver(clickTopology)
  const broken = driver.input(clicks).sendBytes(null, Buffer.from('not JSON'))
  await expect(broken).rejects.toMatchObject({ code: 'SERDE_FAILED' })
})

const click = (user: string): Click => ({ user, path: '/', tookMs: 20, agent: 'browser' })

test('clicks of a user meet in one partition, wherever they were written', async () => {
  await using driver = new TopologyTestDriver(clickTopology, { partitions: 3 })
  for (const partition of [0, 1, 2]) {
    await driver.input(clicks).send(null, click('ada'), { partition })
  }
  expect(driver.output(perUser).values()).toEqual([1, 2, 3])
  expect(driver.store('clicks-per-user').get('ada')).toBe(3)
})
