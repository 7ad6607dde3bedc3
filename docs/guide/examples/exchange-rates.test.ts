import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import exchangeRates, {
  answers,
  invoices,
  questions,
  quotes,
  rates,
  sales,
} from './exchange-rates.ts'

const MINUTE_MS = 60_000

test('a sale is converted with the rate at its time, an invoice also with one that came late', async () => {
  await using driver = new TopologyTestDriver(exchangeRates)
  const [rate, sale] = [driver.input(rates), driver.input(sales)]
  await rate.send('USD', 0.9, { timestampMs: 1_000 })
  await rate.send('USD', 0.7, { timestampMs: 9_000 })
  await sale.send('s-1', { currency: 'USD', amount: 100 }, { timestampMs: 5_000 })
  await rate.send('USD', 0.8, { timestampMs: 4_000 })
  expect(driver.output(quotes).values()).toEqual([{ currency: 'USD', amount: 100, euros: 90 }])
  expect(driver.output(invoices).values()).toEqual([])
  await sale.send('s-2', { currency: 'EUR', amount: 1 }, { timestampMs: 5_000 + MINUTE_MS })
  expect(driver.output(invoices).values()).toEqual([{ currency: 'USD', amount: 100, euros: 80 }])
})

test('what a rate was is known as far back as its history', async () => {
  await using driver = new TopologyTestDriver(exchangeRates)
  const [rate, question] = [driver.input(rates), driver.input(questions)]
  await rate.send('USD', 0.9, { timestampMs: 1_000 })
  await rate.send('USD', 0.7, { timestampMs: 9_000 })
  await rate.send('USD', null, { timestampMs: 12_000 })
  for (const asOfMs of [999, 1_000, 8_999, 9_000, 12_000]) await question.send('USD', { asOfMs })
  expect(driver.output(answers).values()).toEqual([null, 0.9, 0.9, 0.7, null])
  expect([...driver.versionedStore('rates').versions('USD')]).toEqual([
    { value: 0.9, timestampMs: 1_000, validToMs: 9_000 },
    { value: 0.7, timestampMs: 9_000, validToMs: 12_000 },
  ])
})
