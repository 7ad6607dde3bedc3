import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import parcelPrices, { parcels, prices, scans } from './parcels.ts'

test('a scanned parcel has its price, through three kinds of schemas', async () => {
  await using driver = new TopologyTestDriver(parcelPrices)
  await driver.input(parcels).send('p-1', { id: 'p-1', grams: 450, note: '' })
  await driver.input(scans).send('p-1', { parcel: 'p-1', place: 'Lyon' })
  expect(driver.output(prices).values()).toEqual([{ parcel: 'p-1', cents: 400 }])
})

test('a scan without a place is not written', async () => {
  await using driver = new TopologyTestDriver(parcelPrices)
  await expect(driver.input(scans).send('p-1', { parcel: 'p-1', place: '' })).rejects.toThrow(
    '/place: must NOT have fewer than 1 characters',
  )
})
