import { TopologyTestDriver } from 'millrace/testing'
import { expect, test } from 'vitest'
import spendingTopology, { payments, spending } from './topology.ts'

test('payments of a customer add up', async () => {
  await using driver = new TopologyTestDriver(spendingTopology)
  await driver.input(payments).send('p-1', { customer: 'ada', cents: 1_200 })
  await driver.input(payments).send('p-2', { customer: 'grace', cents: 700 })
  await driver.input(payments).send('p-3', { customer: 'ada', cents: 300 })
  expect(driver.output(spending).keyValues()).toEqual([
    ['ada', 1_200],
    ['grace', 700],
    ['ada', 1_500],
  ])
  expect(driver.store('spent').get('ada')).toBe(1_500)
})

test('what is no payment is set aside with the reason, and the next one counts', async () => {
  await using driver = new TopologyTestDriver(spendingTopology)
  await driver.input(payments).sendBytes(null, Buffer.from('{"customer":'))
  await driver.input(payments).send('p-1', { customer: 'ada', cents: -5 })
  await driver.input(payments).send('p-2', { customer: 'ada', cents: 300 })
  expect(driver.output(spending).keyValues()).toEqual([['ada', 300]])
  expect(driver.deadLetters()).toMatchObject([
    { offset: 0, code: 'SERDE_FAILED' },
    { offset: 1, code: 'PROCESSING_FAILED', message: '-5 cents were paid' },
  ])
})
