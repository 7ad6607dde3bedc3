import { TopologyTestDriver } from 'millrace/testing'
import { expect, test } from 'vitest'
import cartTopology, { carts, reminders } from './carts.ts'

test('who leaves a cart for half an hour is reminded of it, once', async () => {
  await using driver = new TopologyTestDriver(cartTopology)
  const input = driver.input(carts)
  await input.send('cart-1', { type: 'ItemAdded', sku: 'tea' })
  await input.send('cart-2', { type: 'ItemAdded', sku: 'milk' })
  await driver.advanceTime('20m')
  await input.send('cart-1', { type: 'ItemAdded', sku: 'cocoa' })
  await input.send('cart-2', { type: 'CheckedOut' })
  await driver.advanceTime('29m')
  expect(driver.output(reminders).keyValues()).toEqual([])
  expect(driver.store('cart-timers').get('cart-1')).toEqual([
    { name: 'abandoned', atMs: 50 * 60_000, clock: 'wall-clock' },
  ])
  await driver.advanceTime('3h')
  expect(driver.output(reminders).keyValues()).toEqual([
    ['cart-1', 'Your cart cart-1 is still here.'],
  ])
})
