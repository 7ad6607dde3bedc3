import { expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { sessionWindowed, windowed } from '../serde/windowed-key.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { Topology } from '../topology/topology.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'
import { hopping, session, sliding, tumbling, type WindowOptions } from './windows.ts'

const clicks = topic('clicks', { key: string, value: string })
const late = topic('late', { key: string, value: string })
const counts = topic('counts', { key: windowed(string, '1m'), value: json<number | null>() })
const visits = topic('visits', { key: sessionWindowed(string), value: json<number | null>() })

const START_MS = 1_000_000
const options: WindowOptions<string, string> = {
  grace: '10s',
  emit: 'on-close',
  idleClose: '30s',
  late,
}

const counting = (
  window: ReturnType<typeof tumbling<string, string>> = tumbling('1m', options),
): Topology =>
  topology('counting', (builder) =>
    builder
      .stream(clicks)
      .groupByKey()
      .windowedBy(window)
      .count({ store: 'counts' })
      .toStream()
      .to(counts),
  )

const counting1m = counting()

function driverOf(built: Topology) {
  const driver = new TopologyTestDriver(built, { startMs: START_MS })
  return {
    driver,
    /** A click of the key at this event time, now. */
    click: (key: string, timestampMs: number) =>
      driver.input(clicks).send(key, '/', { timestampMs }),
    /** What came out: of which key, from when, how many. */
    closed: () =>
      driver
        .output(counts)
        .keyValues()
        .map(([{ key, window }, count]) => [key, window.startMs, count]),
    [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose](),
  }
}

test('when input stops, a window closes by the wall clock, when its time is over', async () => {
  await using run = driverOf(counting1m)
  await run.click('a', 20_000)
  await run.click('b', 25_000)
  // Until its end and the grace it is 45 seconds, from the last record on.
  await run.driver.advanceTime('44s')
  expect(run.closed()).toEqual([])
  await run.driver.advanceTime('1s')
  expect(run.closed()).toEqual([
    ['a', 0, 1],
    ['b', 0, 1],
  ])
  await run.driver.advanceTime('1h')
  expect(run.closed()).toEqual([])
})

test('not before input has stopped for as long as that', async () => {
  await using run = driverOf(counting1m)
  await run.click('a', 59_000)
  await run.driver.advanceTime('29s')
  expect(run.closed()).toEqual([])
  // A record starts it anew, whatever its own time.
  await run.click('b', 58_000)
  await run.driver.advanceTime('29s')
  expect(run.closed()).toEqual([])
  await run.driver.advanceTime('1s')
  expect(run.closed()).toEqual([
    ['a', 0, 1],
    ['b', 0, 1],
  ])
})

test('a window that closed so stays closed, and time goes on from there', async () => {
  await using run = driverOf(counting1m)
  await run.click('a', 30_000)
  await run.driver.advanceTime('2m')
  expect(run.closed()).toEqual([['a', 0, 1]])
  await run.click('a', 40_000)
  expect(run.driver.output(late).keyValues()).toEqual([['a', '/']])
  await run.click('a', 200_000)
  await run.click('a', 270_000)
  expect(run.closed()).toEqual([['a', 180_000, 1]])
  expect(run.driver.windowStore<string, number>('counts').fetch('a', 0, 0).next().done).toBe(true)
})

test('where nothing is open, time does not go on: what comes then is not late', async () => {
  await using run = driverOf(counting1m)
  await run.click('a', 30_000)
  await run.driver.advanceTime('40s')
  expect(run.closed()).toEqual([['a', 0, 1]])
  await run.driver.advanceTime('1h')
  await run.click('a', 75_000)
  expect(run.driver.output(late).keyValues()).toEqual([])
  await run.click('a', 130_000)
  expect(run.closed()).toEqual([['a', 60_000, 1]])
})

test('hopping and sliding windows and sessions close so too', async () => {
  await using hops = driverOf(counting(hopping('1m', { ...options, advance: '30s' })))
  await hops.click('a', 40_000)
  await hops.driver.advanceTime('30s')
  expect(hops.closed()).toEqual([['a', 0, 1]])
  await hops.driver.advanceTime('30s')
  expect(hops.closed()).toEqual([['a', 30_000, 1]])

  await using slides = driverOf(counting(sliding('1m', options)))
  await slides.click('a', 70_000)
  await slides.click('a', 80_000)
  await slides.driver.advanceTime('30s')
  expect(slides.closed()).toEqual([
    ['a', 10_000, 1],
    ['a', 20_000, 2],
  ])
  await slides.driver.advanceTime('60s')
  expect(slides.closed()).toEqual([['a', 70_001, 1]])

  const visiting = topology('visiting', (builder) =>
    builder
      .stream(clicks)
      .groupByKey()
      .windowedBy(session('1m', options))
      .count({ store: 'visits' })
      .toStream()
      .to(visits),
  )
  await using sessions = driverOf(visiting)
  await sessions.click('a', 10_000)
  await sessions.click('a', 50_000)
  await sessions.driver.advanceTime('70s')
  expect(sessions.driver.output(visits).values()).toEqual([])
  await sessions.driver.advanceTime('1s')
  expect(sessions.driver.output(visits).records()).toMatchObject([
    {
      key: { key: 'a', window: { startMs: 10_000, endMs: 50_000 } },
      value: 2,
      timestampMs: 50_000,
    },
  ])
})

test('without it no window closes unless a record comes', async () => {
  const { idleClose: _, ...byRecords } = options
  await using run = driverOf(counting(tumbling('1m', byRecords)))
  await run.click('a', 20_000)
  await run.driver.advanceTime('1h')
  expect(run.closed()).toEqual([])
})

test('it is for results that wait for the end of their window', () => {
  const wrong = { grace: '1s', idleClose: '10s' } as const
  expect(() => tumbling('1m', wrong)).toThrow(
    expect.objectContaining({
      code: 'INVALID_TOPOLOGY',
      hint: expect.stringContaining('on-close'),
    }),
  )
  expect(() => tumbling('1m', { ...wrong, emit: 'on-close', idleClose: '0s' })).toThrow(
    expect.objectContaining({ code: 'INVALID_TOPOLOGY' }),
  )
})
