import { expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { TimestampExtractor } from '../topology/graph.ts'
import type { Topology } from '../topology/topology.ts'
import { deadLetters, topic } from './topic.ts'
import { timestamps } from './timestamps.ts'
import { topology } from './topology.ts'

interface Order {
  readonly id: string
  readonly atMs?: number | string
}

const orders = topic('orders', { key: string, value: json<Order>() })
const timed = topic('timed', { key: string, value: json<Order>() })

const copying = (timestamp?: TimestampExtractor<string, Order>): Topology =>
  topology('copying', { deadLetters: deadLetters('failed') }, (builder) => {
    const options = timestamp === undefined ? {} : { timestamp }
    builder.stream(orders, options).to(timed)
  })

/** Each order with the time that it got. */
async function run(built: Topology, sent: readonly (readonly [Order, timestampMs: number])[]) {
  await using driver = new TopologyTestDriver(built, { startMs: 1_000 })
  for (const [order, timestampMs] of sent) {
    await driver.input(orders).send('k', order, { timestampMs })
    await driver.advanceTime('1s')
  }
  const times = driver.output(timed).records()
  return {
    times: times.map(({ value, timestampMs }) => [value.id, timestampMs]),
    failed: driver.deadLetters().map(({ code, offset }) => [code, offset]),
    dropped: driver.counters.dropped,
  }
}

const own = [
  [{ id: 'a' }, -1],
  [{ id: 'b' }, 500],
  [{ id: 'c' }, -1],
  [{ id: 'd' }, 200],
  [{ id: 'e' }, -1],
] as const

const inValue = [
  [{ id: 'a', atMs: 70 }, 1],
  [{ id: 'b' }, 2],
  [{ id: 'c', atMs: '2026-01-01' }, 3],
  [{ id: 'd', atMs: 0 }, 4],
] as const

const placed = (order: Order): number => order.atMs as number

test('without a valid timestamp a record cannot be read, with or without saying so', async () => {
  const expected = {
    times: [
      ['b', 500],
      ['d', 200],
    ],
    failed: [0, 2, 4].map((offset) => ['SERDE_FAILED', offset]),
    dropped: 0,
  }
  expect(await run(copying(), own)).toEqual(expected)
  expect(await run(copying(timestamps.failOnInvalid()), own)).toEqual(expected)
  expect(await run(copying(timestamps.failOnInvalid(placed)), inValue)).toEqual({
    times: [
      ['a', 70],
      ['d', 0],
    ],
    failed: [1, 2].map((offset) => ['SERDE_FAILED', offset]),
    dropped: 0,
  })
})

test('or it is left out', async () => {
  expect(await run(copying(timestamps.logAndSkipOnInvalid()), own)).toEqual({
    times: [
      ['b', 500],
      ['d', 200],
    ],
    failed: [],
    dropped: 3,
  })
  expect(await run(copying(timestamps.logAndSkipOnInvalid(placed)), inValue)).toMatchObject({
    dropped: 2,
    failed: [],
  })
})

test('or it gets the time of its partition, where there is one', async () => {
  expect(await run(copying(timestamps.usePartitionTimeOnInvalid()), own)).toEqual({
    times: [
      ['b', 500],
      ['c', 500],
      ['d', 200],
      ['e', 500],
    ],
    failed: [['SERDE_FAILED', 0]],
    dropped: 0,
  })
  const { times } = await run(copying(timestamps.usePartitionTimeOnInvalid(placed)), inValue)
  expect(times).toEqual([
    ['a', 70],
    ['b', 70],
    ['c', 70],
    ['d', 0],
  ])
})

test('the wall clock is a time too', async () => {
  const { times } = await run(copying(timestamps.wallClock()), own.slice(0, 2))
  expect(times).toEqual([
    ['a', 1_000],
    ['b', 2_000],
  ])
})

test('an extractor of your own is given all of this', async () => {
  const { times } = await run(
    copying((_order, { timestampMs }, { partitionTimeMs, wallClockMs }) =>
      timestampMs < 0 ? partitionTimeMs + wallClockMs : timestampMs,
    ),
    own,
  )
  expect(times).toEqual([
    ['a', 999],
    ['b', 500],
    ['c', 999 + 3_000],
    ['d', 200],
    ['e', 3_999 + 5_000],
  ])
})
