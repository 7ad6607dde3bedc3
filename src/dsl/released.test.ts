import { expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { windowed } from '../serde/windowed-key.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { TopologyBuilder } from './builder.ts'
import { untilTimeLimit } from './suppression.ts'
import { fixed } from '../operators/retry/backoff.ts'
import { deadLetters, topic } from './topic.ts'
import { topology } from './topology.ts'
import { session, sliding, tumbling } from './windows.ts'

const prices = topic('prices', { key: string, value: json<number>() })
const results = topic('results', { key: string, value: json<number>() })

/** Results that a later record sets free; every 13 makes a step behind fail. */
const driverOf = (build: (builder: TopologyBuilder) => void) =>
  new TopologyTestDriver(topology('shop', { deadLetters: deadLetters('failed') }, build))

function lucky(value: number | null): number | null {
  if (value === 13) throw new RangeError('unlucky')
  return value
}

async function send(
  driver: TopologyTestDriver,
  ...sent: readonly (readonly [key: string, value: number, timestampMs: number])[]
): Promise<void> {
  for (const [key, value, timestampMs] of sent) {
    await driver.input(prices).send(key, value, { timestampMs })
  }
}

const nowhere = { topic: '', partition: -1, offset: -1, message: 'unlucky' }
const numberIn = (bytes: Uint8Array | null | undefined): unknown =>
  bytes && JSON.parse(Buffer.from(bytes).toString())

test.each([
  ['tumbling', tumbling('1s', { grace: '0s', emit: 'on-close' })],
  ['sliding', sliding('1s', { grace: '0s', emit: 'on-close' })],
])('of %s windows that close one fails, and each comes once', async (_, windows) => {
  await using driver = driverOf((builder) => {
    builder
      .stream(prices)
      .groupByKey()
      .windowedBy(windows)
      .reduce((_before, next) => next, { store: 'latest', retention: '1h' })
      .toStream()
      .map((value, { key }) => [key.key, lucky(value) ?? 0])
      .to(results)
  })
  await send(driver, ['a', 1, 2_000], ['b', 13, 2_000], ['c', 3, 2_000], ['z', 0, 9_000])
  await send(driver, ['z', 0, 19_000], ['z', 0, 29_000])
  const [failed, ...others] = driver.deadLetters()
  expect(failed).toMatchObject(nowhere)
  expect(failed?.key && windowed(string, '1s').deserialize(failed.key)).toMatchObject({ key: 'b' })
  expect(numberIn(failed?.value)).toBe(13)
  expect(others).toEqual([])
  const sent = driver.output(results).records()
  expect(sent.map(({ key, value }) => `${key}${value}`)).toEqual(['a1', 'c3', 'z0', 'z0'])
})

test('of sessions that close one fails, and each comes once', async () => {
  await using driver = driverOf((builder) => {
    builder
      .stream(prices)
      .groupByKey()
      .windowedBy(session('1s', { grace: '0s', emit: 'on-close' }))
      .reduce((_before, next) => next, { store: 'latest', retention: '1h' })
      .toStream()
      .map((value, { key }) => [key.key, lucky(value) ?? 0])
      .to(results)
  })
  await send(driver, ['a', 1, 2_000], ['b', 13, 2_001], ['c', 3, 2_002], ['z', 0, 9_000])
  await send(driver, ['z', 0, 19_000])
  expect(driver.deadLetters()).toMatchObject([nowhere])
  expect(driver.output(results).values()).toEqual([1, 3, 0])
})

test('windows that close by the wall clock do not end the application', async () => {
  await using driver = driverOf((builder) => {
    builder
      .stream(prices)
      .groupByKey()
      .windowedBy(tumbling('1s', { grace: '0s', emit: 'on-close', idleClose: '1m' }))
      .reduce((_before, next) => next, { store: 'latest', retention: '1h' })
      .toStream()
      .map((value, { key }) => [key.key, lucky(value) ?? 0])
      .to(results)
  })
  await send(driver, ['a', 1, 2_000], ['b', 13, 2_000], ['c', 3, 2_000])
  await driver.advanceTime('2m')
  await driver.advanceTime('2m')
  expect(driver.deadLetters()).toMatchObject([nowhere])
  expect(driver.output(results).values()).toEqual([1, 3])
})

test('of updates that were held back one fails, and the others go on', async () => {
  await using driver = driverOf((builder) => {
    builder
      .table(prices, { store: 'prices' })
      .suppress(untilTimeLimit('1s'), { store: 'held' })
      .toStream()
      .mapValues((value) => lucky(value) ?? 0)
      .to(results)
  })
  await send(driver, ['a', 1, 1_000], ['b', 13, 1_001], ['c', 3, 1_002], ['z', 0, 5_000])
  const [failed] = driver.deadLetters()
  expect(failed).toMatchObject(nowhere)
  expect([String(failed?.key), numberIn(failed?.value)]).toEqual(['b', 13])
  expect(driver.output(results).values()).toEqual([1, 3])
  await send(driver, ['z', 4, 5_001], ['y', 0, 9_000])
  expect(driver.output(results).values()).toEqual([4])
})

test('of records that found no partner one fails, and the others go on', async () => {
  const payments = topic('payments', { key: string, value: json<number>() })
  await using driver = driverOf((builder) => {
    builder
      .stream(prices)
      .leftJoin(builder.stream(payments), (price) => lucky(price) ?? 0, {
        within: '1s',
        grace: '0s',
        store: 'paid',
      })
      .to(results)
  })
  await send(driver, ['a', 1, 2_000], ['b', 13, 2_000], ['c', 3, 2_000], ['z', 0, 9_000])
  const [failed] = driver.deadLetters()
  expect(failed).toMatchObject(nowhere)
  expect([String(failed?.key), numberIn(failed?.value)]).toEqual(['b', 13])
  expect(driver.output(results).values()).toEqual([1, 3])
})

test('a step behind that retries gives up on the result, not on the record at hand', async () => {
  await using driver = driverOf((builder) => {
    builder
      .stream(prices)
      .groupByKey()
      .windowedBy(tumbling('1s', { grace: '0s', emit: 'on-close' }))
      .reduce((_before, next) => next, { store: 'latest', retention: '1h' })
      .toStream()
      .map((value, { key }) => [key.key, value ?? 0])
      .mapValues(lucky, {
        name: 'lucky',
        retry: { attempts: 2, backoff: fixed('1s'), key: string, value: json<number>() },
      })
      .to(results)
  })
  await send(driver, ['b', 13, 2_000], ['z', 0, 9_000])
  await driver.advanceTime('10s')
  expect(driver.deadLetters()).toMatchObject([{ ...nowhere, attempts: 2 }])
})
