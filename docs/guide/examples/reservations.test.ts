import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import { orders, reservations, reserved } from './reservations.ts'

test('an order is reserved once the warehouse answers, and refused ones are set aside', async () => {
  const answers = ['the warehouse answers 503', 'r-1', 'the warehouse answers 404']
  const asked: string[] = []
  await using driver = new TopologyTestDriver(
    reservations(async (order, { idempotencyKey }) => {
      asked.push(idempotencyKey)
      const answer = answers.shift() as string
      if (answer.startsWith('the')) throw new Error(answer)
      return { ...order, reservationId: answer }
    }),
  )
  await driver.input(orders).send('o-1', { sku: 'tea', quantity: 2 })
  expect(driver.output(reserved).values()).toEqual([])
  await driver.advanceTime('1s')
  expect(driver.output(reserved).values()).toEqual([
    { sku: 'tea', quantity: 2, reservationId: 'r-1' },
  ])
  expect(asked[0]).toBe(asked[1])

  await driver.input(orders).send('o-2', { sku: 'gold', quantity: 1 })
  expect(driver.deadLetters()).toMatchObject([{ node: 'reserve-stock', attempts: 1 }])
})
