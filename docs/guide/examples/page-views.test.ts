import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import pageViews, { perMinute, slowest, views, visits, type View } from './page-views.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const view = (page: string, tookMs = 10): View => ({ page, tookMs })

test('views of a minute are counted once it is over, and late ones are set aside', async () => {
  await using driver = new TopologyTestDriver(pageViews)
  const input = driver.input(views)
  await input.send('ada', view('/'), { timestampMs: 5 * SECOND })
  await input.send('ada', view('/cart'), { timestampMs: 65 * SECOND })
  await input.send('ada', view('/help'), { timestampMs: 59 * SECOND })
  expect(driver.output(perMinute).values()).toEqual([])
  await input.send('ada', view('/pay'), { timestampMs: 70 * SECOND })
  expect(driver.output(perMinute).records()).toMatchObject([
    {
      key: { key: 'ada', window: { startMs: 0, endMs: MINUTE } },
      value: 2,
      timestampMs: 59 * SECOND,
    },
  ])
  await input.send('ada', view('/late'), { timestampMs: 59 * SECOND })
  expect(driver.deadLetters()).toMatchObject([{ code: 'RECORD_LATE' }])
})

test('the slowest view is known for each of the five windows that a view is in', async () => {
  await using driver = new TopologyTestDriver(pageViews)
  await driver.input(views).send('ada', view('/', 700), { timestampMs: 10 * MINUTE })
  await driver.input(views).send('ada', view('/', 300), { timestampMs: 10 * MINUTE + 1 })
  const rows = driver.windowStore<string, number>('slowest-view').fetch('ada', 0, 10 * MINUTE)
  expect([...rows].map(([{ window }, ms]) => [window.startMs / MINUTE, ms])).toEqual([
    [6, 700],
    [7, 700],
    [8, 700],
    [9, 700],
    [10, 700],
  ])
  expect(driver.output(slowest).values()).toHaveLength(10)
})

test('two visits become one when a view closes the gap between them', async () => {
  await using driver = new TopologyTestDriver(pageViews)
  const input = driver.input(views)
  await input.send('ada', view('/'), { timestampMs: 0 })
  await input.send('ada', view('/pay'), { timestampMs: 30.5 * MINUTE })
  await input.send('ada', view('/cart'), { timestampMs: 20 * MINUTE })
  expect(
    driver
      .output(visits)
      .keyValues()
      .map(([{ window }, pages]) => [window.startMs / MINUTE, window.endMs / MINUTE, pages]),
  ).toEqual([
    [0, 0, ['/']],
    [30.5, 30.5, ['/pay']],
    [0, 0, null],
    [30.5, 30.5, null],
    [0, 30.5, ['/', '/pay', '/cart']],
  ])
})
