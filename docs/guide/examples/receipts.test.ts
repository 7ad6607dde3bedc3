import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import topology, { products, receipts, sales } from './receipts.ts'

test('a receipt has the name and the price that the product has by then', async () => {
  await using driver = new TopologyTestDriver(topology)
  await driver.input(products).send('tea', { name: 'Assam', cents: 650 })
  await driver.input(sales).send('till-1', { product: 'tea', quantity: 2 })
  await driver.input(products).send('tea', { name: 'Assam', cents: 700 })
  await driver.input(sales).send('till-2', { product: 'tea', quantity: 1 })
  await driver.input(sales).send('till-2', { product: 'unheard of', quantity: 1 })
  expect(driver.output(receipts).keyValues()).toEqual([
    ['till-1', '2 × Assam: 1300'],
    ['till-2', '1 × Assam: 700'],
  ])
})
