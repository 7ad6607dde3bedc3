import { describe, expect, expectTypeOf, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { sessionWindowed, windowed, type Windowed } from '../serde/windowed-key.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { Processor } from '../topology/processor.ts'
import { windowStore } from '../topology/window-store.ts'
import type { TopologyBuilder } from './builder.ts'
import type { Table } from './table.ts'
import { deadLetters, topic } from './topic.ts'
import { topology } from './topology.ts'
import { hopping, session, sliding, tumbling, unlimited } from './windows.ts'

interface Click {
  readonly page: string
}

const clicks = topic('clicks', { key: string, value: json<Click>() })
const late = topic('clicks.late', { key: string, value: json<Click>() })
const counts = topic('counts', { key: windowed(string, '1m'), value: json<number | null>() })
const sessions = topic('sessions', { key: sessionWindowed(string), value: json<number | null>() })
const click: Click = { page: '/' }

/** Clicks by key at these times, in this order. */
async function send(driver: TopologyTestDriver, ...sent: readonly (readonly [string, number])[]) {
  for (const [key, timestampMs] of sent) {
    await driver.input(clicks).send(key, click, { timestampMs })
  }
}

const at = (key: string, startMs: number, endMs: number): Windowed<string> => ({
  key,
  window: { startMs, endMs },
})

describe('a late record', () => {
  const counted = (builder: TopologyBuilder, options: Parameters<typeof tumbling>[1]): void => {
    builder
      .stream(clicks)
      .groupByKey()
      .windowedBy(tumbling('1m', options))
      .count({ store: 'clicks-per-minute' })
      .toStream()
      .to(counts)
  }

  test('is counted and left out', async () => {
    const built = topology('late', (builder) => counted(builder, { grace: '10s' }))
    await using driver = new TopologyTestDriver(built)
    await send(driver, ['a', 5_000], ['a', 69_999], ['a', 6_000], ['a', 70_000], ['a', 7_000])
    expect(driver.output(counts).keyValues()).toEqual([
      [at('a', 0, 60_000), 1],
      [at('a', 60_000, 120_000), 1],
      [at('a', 0, 60_000), 2],
      [at('a', 60_000, 120_000), 2],
    ])
    expect(driver.counters.dropped).toBe(1)
  })

  test('goes to a topic of its own, as it came', async () => {
    const built = topology('late', (builder) => {
      builder
        .stream(clicks)
        .groupByKey()
        .windowedBy(hopping('1m', { advance: '30s', grace: '0s', late }))
        .count({ store: 'clicks-per-minute' })
    })
    await using driver = new TopologyTestDriver(built)
    // In time for one of its two windows, then for none.
    await send(driver, ['a', 65_000], ['a', 40_000], ['b', 20_000])
    expect(driver.output(late).records()).toMatchObject([
      { key: 'b', value: click, timestampMs: 20_000 },
    ])
  })

  test('goes to the dead letters with the reason', async () => {
    const options = { deadLetters: deadLetters('failed') }
    const built = topology('late', options, (builder) =>
      counted(builder, { grace: '0s', late: 'dead-letter' }),
    )
    await using driver = new TopologyTestDriver(built)
    await send(driver, ['a', 60_000], ['b', 1_000], ['a', 61_000])
    expect(driver.deadLetters()).toMatchObject([
      { code: 'RECORD_LATE', node: 'count(clicks-per-minute)', offset: 1 },
    ])
    expect(driver.output(counts).values()).toEqual([1, 2])
  })

  test('cannot go to dead letters that are not there', () => {
    expect(() =>
      topology('late', (builder) => counted(builder, { grace: '0s', late: 'dead-letter' })),
    ).toThrow('the topology has none')
  })
})

test('sessions of a re-keyed stream merge, and a closed one is sent once', async () => {
  const built = topology('visits', (builder) => {
    builder
      .stream(clicks)
      .groupBy(({ page }, { key }) => key + page, { name: 'by-page' })
      .windowedBy(session('30s', { grace: '1m', emit: 'on-close' }))
      .aggregate(
        () => 0,
        (_, sum) => sum + 1,
        (left, right) => left + right,
        { store: 'visits', retention: '1d' },
      )
      .toStream()
      .to(sessions)
  })
  await using driver = new TopologyTestDriver(built)
  await send(driver, ['a', 0], ['a', 50_000], ['a', 25_000], ['b', 200_000])
  expect(driver.output(sessions).records()).toMatchObject([
    { key: at('a/', 0, 50_000), value: 3, timestampMs: 50_000 },
  ])
})

test('an unlimited window counts for ever', async () => {
  const built = topology('ever', (builder) => {
    builder.stream(clicks).groupByKey().windowedBy(unlimited()).count({ store: 'ever' })
  })
  await using driver = new TopologyTestDriver(built)
  await send(driver, ['a', 2 ** 41], ['a', 0], ['a', 1])
  const rows = [...driver.windowStore<string, number>('ever').fetch('a', 0, 0)]
  expect(rows).toEqual([[at('a', 0, Number.MAX_SAFE_INTEGER), 3]])
})

test('a table of windows is filtered and mapped as any other', async () => {
  const built = topology('busy', (builder) => {
    builder
      .stream(clicks)
      .groupByKey()
      .windowedBy(tumbling('1m', { grace: '0s' }))
      .count({ store: 'clicks-per-minute' })
      .filter((count) => count > 1)
      .mapValues((count, { key }) => count + key.window.startMs, { store: 'busy' })
      .toStream()
      .to(counts)
  })
  await using driver = new TopologyTestDriver(built)
  await send(driver, ['a', 60_000], ['a', 60_001])
  expect(driver.output(counts).values()).toEqual([null, 60_002])
  expect(driver.store<Windowed<string>, number>('busy').get(at('a', 60_000, 120_000))).toBe(60_002)
})

test('a processor keeps what it has seen in a window store', async () => {
  const seen = windowStore('seen', {
    key: string,
    value: json<true>(),
    retention: '1h',
    size: '1m',
  })
  const firsts: Processor<string, Click, string, Click> = {
    process: (record, { forward, windowStore: store }) => {
      const { key, timestampMs } = record
      const rows = store<string, true>('seen')
      const known = rows.fetch(key, timestampMs - 60_000, timestampMs).next()
      rows.put(at(key, timestampMs, timestampMs + 60_000), true)
      if (known.done === true) forward(record)
    },
  }
  const built = topology('firsts', (builder) => {
    builder.addStateStore(seen)
    builder
      .stream(clicks)
      .process(() => firsts, { name: 'firsts', stores: ['seen'] })
      .to(late)
  })
  await using driver = new TopologyTestDriver(built)
  await send(driver, ['a', 0], ['a', 60_000], ['b', 60_000], ['a', 120_001])
  expect(
    driver
      .output(late)
      .records()
      .map(({ key, timestampMs }) => [key, timestampMs]),
  ).toEqual([
    ['a', 0],
    ['b', 60_000],
    ['a', 120_001],
  ])
})

test('windows that cannot be are refused while the topology is built', () => {
  expect(() => tumbling('0s', { grace: '0s' })).toThrow('a window cannot last 0s')
  expect(() => hopping('1m', { advance: '2m', grace: '0s' })).toThrow('cannot advance by 2m')
  expect(() => session('0s', { grace: '0s' })).toThrow('a gap cannot last 0s')
  // @ts-expect-error grace has no default
  expect(() => sliding('1m', {})).toThrow('windows have no grace')
  expect(() =>
    topology('short', (builder) => {
      builder
        .stream(clicks)
        .groupByKey()
        .windowedBy(tumbling('1m', { grace: '1m' }))
        .count({ store: 'short', retention: '1m' })
    }),
  ).toThrow('keeps results for 1m, but records may change them for 120000 ms')
})

test('keys and values of windows have their types', () => {
  topology('types', (builder) => {
    const grouped = builder.stream(clicks).groupByKey()
    const perMinute = grouped
      .windowedBy(tumbling('1m', { grace: '0s', late }))
      .count({ store: 'per-minute' })
    expectTypeOf(perMinute).toEqualTypeOf<Table<Windowed<string>, number, Windowed<string>>>()
    // @ts-expect-error a windowed key is no text
    perMinute.toStream().to(topic('wrong', { key: string, value: json<number | null>() }))
    const other = topic('other', { key: string, value: json<{ readonly price: number }>() })
    // @ts-expect-error late clicks are no prices
    grouped.windowedBy(tumbling('1m', { grace: '0s', late: other }))
    const visits = grouped.windowedBy(session('1m', { grace: '0s' }))
    const zero = (): number => 0
    // @ts-expect-error a session is aggregated with a merger
    expect(() => visits.aggregate(zero, zero, { store: 'visits' })).toThrow('has no store')
  })
})

test('a topology with other windows has another fingerprint', () => {
  const fingerprintWith = (size: '1m' | '2m'): string =>
    topology('per-window', (builder) => {
      builder
        .stream(clicks)
        .groupByKey()
        .windowedBy(tumbling(size, { grace: '0s' }))
        .count({ store: 'counts' })
    }).fingerprint
  expect(fingerprintWith('1m')).toBe(fingerprintWith('1m'))
  expect(fingerprintWith('1m')).not.toBe(fingerprintWith('2m'))
})
