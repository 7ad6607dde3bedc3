import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import type { Reason, Transaction } from './risk/model.ts'
import risk, { alerts, scored, spending, transactions } from './risk.ts'

const MINUTE_MS = 60_000
const START_MS = 1_700_000_000_000

async function open() {
  const driver = new TopologyTestDriver(risk, { startMs: START_MS })
  let number = 0
  const pay = (user: string, cents: number, atMs: number, merchant = 'bakery') => {
    const transaction: Transaction = { transactionId: `t-${(number += 1)}`, cents, merchant }
    return driver.input(transactions).send(user, transaction, { timestampMs: START_MS + atMs })
  }
  /** Of the alerts since the last call, those with this reason. */
  const told = (reason: Reason) =>
    driver
      .output(alerts)
      .records()
      .filter(({ value }) => value.reason === reason)
      .map(({ key, value }) => ({ user: key, ...value }))
  return { driver, pay, told, [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() }
}

test('an amount far above what is usual for the user is told, once there is a usual', async () => {
  await using run = await open()
  for (let minute = 0; minute < 4; minute += 1) await run.pay('ada', 1_000, minute * MINUTE_MS)
  await run.pay('bob', 90_000, 4 * MINUTE_MS)
  expect(run.told('above-the-usual')).toEqual([])
  await run.pay('ada', 30_000, 5 * MINUTE_MS)
  expect(run.told('above-the-usual')).toEqual([
    {
      user: 'ada',
      reason: 'above-the-usual',
      transactionIds: ['t-6'],
      detail: '30000 cents, where 6800 are usual',
    },
  ])
})

test('the usual is that of the last ten: who spends more from now on is told a few times', async () => {
  await using run = await open()
  for (let minute = 0; minute < 12; minute += 1) await run.pay('ada', 1_000, minute * MINUTE_MS)
  for (let minute = 12; minute < 24; minute += 1) await run.pay('ada', 9_000, minute * MINUTE_MS)
  const ids = run.told('above-the-usual').flatMap(({ transactionIds }) => transactionIds)
  expect(ids).toEqual(['t-13', 't-14'])
})

test('more than a hundred transactions of a user in a second are told, and others pass', async () => {
  await using run = await open()
  for (let count = 0; count < 103; count += 1) await run.pay('ada', 100, 1)
  await run.pay('bob', 100, 1)
  expect(run.told('too-many-a-second').map(({ transactionIds }) => transactionIds)).toEqual([
    ['t-101'],
    ['t-102'],
    ['t-103'],
  ])
  await run.driver.advanceTime('1s')
  expect(run.driver.output(scored).records()).toHaveLength(101)
})

test('an hour in which a user spends too much is told when it is over', async () => {
  await using run = await open()
  for (let minute = 0; minute < 50; minute += 10) await run.pay('ada', 120_000, minute * MINUTE_MS)
  await run.pay('bob', 100, 41 * MINUTE_MS)
  expect(run.told('spending-of-an-hour')).toEqual([])
  await run.pay('bob', 100, 130 * MINUTE_MS)
  const hours = run.told('spending-of-an-hour')
  expect(hours.length).toBeGreaterThan(0)
  expect(hours[0]).toMatchObject({ user: 'ada', detail: '600000 cents in 5 transactions' })
  const sums = run.driver.output(spending).keyValues()
  expect(sums).toContainEqual(['ada', { transactions: 5, cents: 600_000 }])
})

test('small amounts and then a large one within ten minutes are told', async () => {
  await using run = await open()
  for (let minute = 0; minute < 3; minute += 1) await run.pay('ada', 100, minute * MINUTE_MS)
  await run.pay('ada', 3_000, 4 * MINUTE_MS)
  await run.pay('ada', 80_000, 9 * MINUTE_MS)
  expect(run.told('small-ones-before-a-large-one')).toMatchObject([
    { user: 'ada', transactionIds: ['t-1', 't-2', 't-3', 't-5'] },
  ])
  for (let minute = 20; minute < 23; minute += 1) await run.pay('bob', 100, minute * MINUTE_MS)
  await run.pay('bob', 80_000, 30 * MINUTE_MS)
  expect(run.told('small-ones-before-a-large-one')).toEqual([])
})

test('merchants are asked about in batches, of fifty or of a fifth of a second', async () => {
  await using run = await open()
  await run.pay('ada', 100, 1, 'casino-royal')
  await run.pay('bob', 100, 2)
  expect(run.driver.output(scored).records()).toEqual([])
  await run.driver.advanceTime('200ms')
  expect(run.driver.output(scored).keyValues()).toEqual([
    ['ada', { transactionId: 't-1', cents: 100, merchant: 'casino-royal', merchantRisk: 90 }],
    ['bob', { transactionId: 't-2', cents: 100, merchant: 'bakery', merchantRisk: 10 }],
  ])
  expect(run.told('risky-merchant')).toMatchObject([{ user: 'ada', transactionIds: ['t-1'] }])
  for (let count = 0; count < 50; count += 1) await run.pay(`user-${count}`, 100, 3)
  await run.driver.settled()
  expect(run.driver.output(scored).records()).toHaveLength(50)
})

test('what is no transaction is a dead letter, and stops nobody', async () => {
  await using run = await open()
  await run.driver.input(transactions).sendBytes(Buffer.from('ada'), Buffer.from('{"cents":'))
  await run.pay('ada', -5, 1)
  await run.pay('ada', 100, 2)
  expect(run.driver.deadLetters()).toMatchObject([
    { code: 'SERDE_FAILED', offset: 0 },
    { code: 'PROCESSING_FAILED', node: 'check', offset: 1 },
  ])
  await run.driver.advanceTime('1s')
  expect(run.driver.output(scored).records()).toHaveLength(1)
})
