import { TopologyTestDriver } from 'millrace/testing'
import { expect, test } from 'vitest'
import limits, { accepted, mails, refused, reports, requests } from './requests.ts'

test('the 101st request of a client in a second is refused, that of another is not', async () => {
  await using driver = new TopologyTestDriver(limits)
  for (let nth = 0; nth < 101; nth++) await driver.input(requests).send('client-1', { path: '/' })
  await driver.input(requests).send('client-2', { path: '/' })
  expect(driver.output(accepted).values()).toHaveLength(101)
  expect(driver.output(refused).keyValues()).toEqual([['client-1', { path: '/' }]])
})

test('the fourth mail comes when ten minutes have brought room for it', async () => {
  await using driver = new TopologyTestDriver(limits)
  for (const text of ['one', 'two', 'three', 'four']) {
    await driver.input(reports).send('ada', text)
  }
  expect(driver.output(mails).values()).toEqual(['one', 'two', 'three'])
  await driver.advanceTime('200s')
  expect(driver.output(mails).values()).toEqual(['four'])
})
