import { TopologyTestDriver } from 'millrace/testing'
import { expect, test } from 'vitest'
import topology, { quotes, traded, trades } from './quotes.ts'

test('trades are added up at the price of the moment, wherever rows are kept', async () => {
  await using driver = new TopologyTestDriver(topology)
  await driver.input(quotes).send('TEA', 500)
  await driver.input(trades).send('ada', { symbol: 'TEA', shares: 2 })
  await driver.input(quotes).send('TEA', 700)
  await driver.input(trades).send('ada', { symbol: 'TEA', shares: 1 })
  expect(driver.output(traded).keyValues()).toEqual([
    ['ada', 1_000],
    ['ada', 1_700],
  ])
  expect(driver.store('latest-quotes').get('TEA')).toBe(700)
  expect(driver.store('traded-by-trader').get('ada')).toBe(1_700)
})
