import { describe, expect, expectTypeOf, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { sessionWindowed, windowed, type Windowed } from '../serde/windowed-key.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { TopologyBuilder } from './builder.ts'
import { untilTimeLimit, untilWindowCloses } from './suppression.ts'
import type { Table } from './table.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'
import { session, sliding, tumbling } from './windows.ts'

const prices = topic('prices', { key: string, value: json<number>() })
const asked = topic('asked', { key: string, value: json<string>() })
const results = topic('results', { key: string, value: json<unknown>() })
const perMinute = topic('per-minute', { key: windowed(string, '1m'), value: json<number | null>() })
const visits = topic('visits', { key: sessionWindowed(string), value: json<number | null>() })

const driverOf = (build: (builder: TopologyBuilder) => void) =>
  new TopologyTestDriver(topology('held', build))

/** Prices by key, value and time, in this order. */
async function send(
  driver: TopologyTestDriver,
  ...sent: readonly (readonly [key: string, value: number | null, timestampMs: number])[]
): Promise<void> {
  for (const [key, value, timestampMs] of sent) {
    await driver.input(prices).send(key, value, { timestampMs })
  }
}

const timesOf = (driver: TopologyTestDriver) =>
  driver
    .output(results)
    .records()
    .map(({ key, value, timestampMs }) => [key, value, timestampMs])

describe('until a window closes', () => {
  const counted = (builder: TopologyBuilder, options?: Parameters<typeof untilWindowCloses>[0]) =>
    builder
      .stream(prices)
      .groupByKey()
      .windowedBy(tumbling('1m', { grace: '10s' }))
      .count({ store: 'per-minute' })
      .suppress(untilWindowCloses(options), { store: 'final' })
      .toStream()
      .to(perMinute)

  test('nothing is sent of it, then its last result, once', async () => {
    await using driver = driverOf((builder) => counted(builder))
    await send(driver, ['b', 1, 1_000], ['a', 1, 2_000], ['b', 1, 60_000], ['b', 1, 500])
    await send(driver, ['c', 1, 69_999])
    expect(driver.output(perMinute).records()).toEqual([])
    await send(driver, ['c', 1, 70_000], ['a', 1, 59_999])
    expect(driver.output(perMinute).records()).toMatchObject([
      { key: { key: 'a', window: { startMs: 0, endMs: 60_000 } }, value: 1, timestampMs: 2_000 },
      { key: { key: 'b', window: { startMs: 0, endMs: 60_000 } }, value: 2, timestampMs: 1_000 },
    ])
    expect(driver.counters.dropped).toBe(1)
  })

  test('the deletions of sessions that grow are not sent', async () => {
    await using driver = driverOf((builder) => {
      builder
        .stream(prices)
        .groupByKey()
        .windowedBy(session('10s', { grace: '5s' }))
        .count({ store: 'visits' })
        .suppress(untilWindowCloses(), { store: 'final' })
        .toStream()
        .to(visits)
    })
    await send(driver, ['a', 1, 0], ['a', 1, 8_000], ['b', 1, 9_000], ['c', 1, 23_000])
    expect(driver.output(visits).values()).toEqual([2])
  })

  test('a sliding window closes its grace after its end', async () => {
    await using driver = driverOf((builder) => {
      builder
        .stream(prices)
        .groupByKey()
        .windowedBy(sliding('10s', { grace: '5s' }))
        .count({ store: 'close-together' })
        .suppress(untilWindowCloses(), { store: 'final' })
        .toStream()
        .to(perMinute)
    })
    await send(driver, ['a', 1, 20_000], ['b', 1, 24_999])
    expect(driver.output(perMinute).values()).toEqual([])
    await send(driver, ['b', 1, 25_000])
    expect(driver.output(perMinute).keyValues()).toMatchObject([
      [{ key: 'a', window: { startMs: 10_000 } }, 1],
    ])
  })

  test('a row that was filtered out again is not sent', async () => {
    await using driver = driverOf((builder) => {
      builder
        .stream(prices)
        .groupByKey()
        .windowedBy(tumbling('1m', { grace: '0s' }))
        .count({ store: 'per-minute' })
        .filter((count) => count < 2)
        .suppress(untilWindowCloses(), { store: 'final' })
        .toStream()
        .to(perMinute)
    })
    await send(driver, ['a', 1, 1], ['b', 1, 2], ['a', 1, 3], ['c', 1, 60_000])
    expect(driver.output(perMinute).keyValues()).toMatchObject([[{ key: 'b' }, 1]])
  })

  test('a full buffer ends the application: to send early would be to send twice', async () => {
    await using driver = driverOf((builder) => counted(builder, { buffer: { records: 2 } }))
    await send(driver, ['a', 1, 1], ['b', 1, 2], ['a', 1, 3])
    await expect(send(driver, ['c', 1, 4])).rejects.toMatchObject({
      code: 'BUFFER_FULL',
      message: 'store "final" holds 3 updates back, and may hold 2',
    })
  })

  test('what has closed goes before the buffer is found to be full', async () => {
    await using driver = driverOf((builder) => counted(builder, { buffer: { records: 1 } }))
    await send(driver, ['a', 1, 1], ['b', 1, 70_000])
    expect(driver.output(perMinute).values()).toEqual([1])
  })

  test('is refused where nobody knows when that is', () => {
    const build = (builder: TopologyBuilder): void => {
      builder.table(perMinute, { store: 'copy' }).suppress(untilWindowCloses(), { store: 'final' })
    }
    expect(() => topology('lost', build)).toThrow('whose windows are not known')
  })
})

describe('until a time limit', () => {
  const held = (builder: TopologyBuilder, until: ReturnType<typeof untilTimeLimit>) =>
    builder.table(prices, { store: 'prices' }).suppress(until, { store: 'slow' })

  test('the last update of a key is sent, a while after the first', async () => {
    await using driver = driverOf((builder) =>
      held(builder, untilTimeLimit('10s')).toStream().to(results),
    )
    await send(driver, ['a', 1, 1_000], ['b', 1, 2_000], ['a', 2, 9_000], ['c', 1, 10_999])
    expect(timesOf(driver)).toEqual([])
    await send(driver, ['c', 2, 11_000], ['c', 3, 12_000], ['a', 3, 12_000])
    expect(timesOf(driver)).toEqual([
      ['a', 2, 9_000],
      ['b', 1, 2_000],
    ])
    await send(driver, ['d', 1, 30_000])
    expect(timesOf(driver)).toEqual([
      ['c', 3, 12_000],
      ['a', 3, 12_000],
    ])
  })

  test('a deletion is an update, also of a row that nobody has seen', async () => {
    await using driver = driverOf((builder) =>
      held(builder, untilTimeLimit('10s')).toStream().to(results),
    )
    await send(driver, ['a', 1, 0], ['a', null, 1], ['b', 1, 10_000])
    expect(timesOf(driver)).toEqual([['a', null, 1]])
  })

  test('headers come along', async () => {
    await using driver = driverOf((builder) =>
      held(builder, untilTimeLimit('1s')).toStream().to(results),
    )
    const headers = [['trace', Buffer.from('7')]] as const
    await driver.input(prices).send('a', 1, { timestampMs: 0, headers })
    await send(driver, ['b', 1, 1_000])
    expect(driver.output(results).records()).toMatchObject([{ key: 'a', headers }])
  })

  test('what has waited longest goes early where there is no more room', async () => {
    await using driver = driverOf((builder) =>
      held(builder, untilTimeLimit('1h', { records: 2 }))
        .toStream()
        .to(results),
    )
    await send(driver, ['a', 1, 5], ['b', 1, 3], ['b', 2, 9], ['c', 1, 4])
    expect(timesOf(driver)).toEqual([['b', 2, 9]])
    expect(driver.store('slow').approximateCount()).toBe(5)
  })

  test('room is counted in bytes too', async () => {
    await using driver = driverOf((builder) =>
      held(builder, untilTimeLimit('1h', { bytes: 140 }))
        .toStream()
        .to(results),
    )
    await send(driver, ['a', 1, 5], ['b', 1, 6])
    expect(timesOf(driver)).toEqual([])
    await send(driver, ['c', 1, 7])
    expect(timesOf(driver)).toEqual([['a', 1, 5]])
    await send(driver, ['b'.repeat(200), 1, 8])
    expect(timesOf(driver).map(([key]) => key)).toEqual(['b', 'c', 'b'.repeat(200)])
  })

  test('or the application ends', async () => {
    await using driver = driverOf((builder) =>
      held(builder, untilTimeLimit('1h', { bytes: 60, whenFull: 'stop' })),
    )
    await send(driver, ['a', 1, 5])
    await expect(send(driver, ['b', 1, 6])).rejects.toThrow(/holds updates of \d+ bytes back/)
  })

  test('a group takes away what it was given, whatever was replaced meanwhile', async () => {
    await using driver = driverOf((builder) => {
      held(builder, untilTimeLimit('10s'))
        .groupBy((price, { key }) => [key.slice(0, 1), price], { name: 'by-letter' })
        .reduce(
          (sum, price) => sum + price,
          (sum, price) => sum - price,
          { store: 'sums' },
        )
        .toStream()
        .to(results)
    })
    await send(driver, ['a1', 1, 0], ['a2', 10, 0], ['z', 0, 10_000])
    await send(driver, ['a1', 2, 10_000], ['a1', 3, 10_001], ['z', 0, 30_000])
    expect(driver.store<string, number>('sums').get('a')).toBe(13)
  })

  test('a join sees what was sent before', async () => {
    await using driver = driverOf((builder) => {
      const slow = held(builder, untilTimeLimit('10s'))
      builder
        .stream(asked)
        .leftJoin(slow, (_, price) => price)
        .to(results)
    })
    const seen = async (timestampMs: number): Promise<unknown> => {
      await driver.input(asked).send('a', '?', { timestampMs })
      return driver.output(results).values()[0]
    }
    await send(driver, ['a', 1, 0])
    expect(await seen(0)).toBeNull()
    await send(driver, ['z', 1, 10_000])
    expect(await seen(10_000)).toBe(1)
    await send(driver, ['a', 2, 11_000], ['a', 3, 12_000])
    expect(await seen(12_000)).toBe(1)
    await send(driver, ['z', 1, 21_000])
    expect(await seen(21_000)).toBe(3)
  })

  test('a step that fails is not given the same update again', async () => {
    await using driver = new TopologyTestDriver(
      topology('held', { onFailure: 'skip' }, (builder) =>
        held(builder, untilTimeLimit('1s'))
          .toStream()
          .peek((price) => {
            if (price === 13) throw new Error('bad luck')
          })
          .to(results),
      ),
    )
    await send(driver, ['a', 13, 0], ['b', 1, 1_000], ['c', 1, 2_000])
    expect(driver.counters.skipped).toBe(1)
    expect(timesOf(driver)).toEqual([['b', 1, 1_000]])
  })
})

test('what makes no sense is refused while the topology is built', () => {
  const table = (builder: TopologyBuilder): Table<string, number> =>
    builder.table(prices, { store: 'prices' })
  expect(() => untilTimeLimit('1s', { records: 0 })).toThrow('a buffer cannot hold 0 records')
  expect(() => untilTimeLimit('1s', { bytes: 1.5 })).toThrow('a buffer cannot hold 1.5 bytes')
  expect(() =>
    topology('held', (builder) => {
      // @ts-expect-error updates wait in a store that a person named
      table(builder).suppress(untilTimeLimit('1s'))
    }),
  ).toThrow('suppress has no store')
  expect(() =>
    topology('held', (builder) => {
      // @ts-expect-error no windows, no close
      table(builder).suppress(untilWindowCloses(), { store: 'final' })
    }),
  ).toThrow('whose windows are not known')
  topology('held', (builder) => {
    const counts = builder
      .stream(prices)
      .groupByKey()
      .windowedBy(tumbling('1m', { grace: '0s' }))
      .count({ store: 'counts' })
    const final = counts.suppress(untilWindowCloses(), { store: { name: 'f', backend: 'memory' } })
    expectTypeOf(final).toEqualTypeOf<Table<Windowed<string>, number, Windowed<string>>>()
    // @ts-expect-error a limit has a unit
    expect(() => untilTimeLimit(300)).toThrow('300')
  })
})
