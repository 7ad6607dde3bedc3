import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import heldBack, { busyHours, payments, shopWindow, stock } from './held-back.ts'

const HOUR_MS = 3_600_000

test('a busy hour is reported once, when it is over', async () => {
  await using driver = new TopologyTestDriver(heldBack)
  const input = driver.input(payments)
  for (const timestampMs of [1, 2, 3]) await input.send('ada', { cents: 100 }, { timestampMs })
  await input.send('bob', { cents: 100 }, { timestampMs: 4 })
  expect(driver.output(busyHours).values()).toEqual([])
  for (const key of ['bob', 'bob']) {
    await input.send(key, { cents: 100 }, { timestampMs: HOUR_MS + 300_000 })
  }
  expect(driver.output(busyHours).keyValues()).toEqual([
    [{ key: 'ada', window: { startMs: 0, endMs: HOUR_MS } }, 3],
  ])
})

test('the shop window changes every half minute at most', async () => {
  await using driver = new TopologyTestDriver(heldBack)
  const input = driver.input(stock)
  for (const [level, timestampMs] of [
    [9, 0],
    [8, 10_000],
    [7, 29_999],
    [6, 30_000],
    [5, 59_000],
  ] as const) {
    await input.send('tea', level, { timestampMs })
  }
  expect(driver.output(shopWindow).values()).toEqual([6])
})
