import { describe, expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { windowed, type Windowed } from '../serde/windowed-key.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { GroupedStream } from './grouped-stream.ts'
import type { Table } from './table.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'
import { hopping, session, sliding, tumbling } from './windows.ts'

interface Reading {
  readonly key: string
  readonly value: number
  readonly timestampMs: number
}

const readings = topic('readings', { key: string, value: json<number>() })
const sums = topic('sums', { key: windowed(string), value: json<number | null>() })

const SIZE = 1_000
const ADVANCE = 300
const GRACE = 700
const seeds = [1, 2, 3, 4, 5, 6, 7, 8]

/** Time goes on, jumps now and then, and many readings are late, some by far. */
function inputOf(seed: number): Reading[] {
  const random = seededRandom(seed)
  let nowMs = Math.floor(random() * 5_000)
  return Array.from({ length: 400 }, () => {
    nowMs += Math.floor(random() * (random() < 0.02 ? 20_000 : 120))
    const lateMs = random() < 0.3 ? Math.floor(random() * (random() < 0.3 ? 10_000 : 1_500)) : 0
    const key = ['a', 'ab', 'b'][Math.floor(random() * 3)] as string
    return { key, value: Math.ceil(random() * 9), timestampMs: Math.max(0, nowMs - lateMs) }
  })
}

type Rows = Record<string, number>
const name = (key: string, startMs: number, endMs: number): string => `${key} ${startMs}-${endMs}`

async function run(
  input: readonly Reading[],
  windows: (grouped: GroupedStream<string, number, string>) => Table<Windowed<string>, number>,
): Promise<{ readonly stored: Rows; readonly sent: readonly string[] }> {
  const built = topology('windows', (builder) => {
    windows(builder.stream(readings).groupByKey()).toStream().to(sums)
  })
  await using driver = new TopologyTestDriver(built)
  for (const { key, value, timestampMs } of input) {
    await driver.input(readings).send(key, value, { timestampMs })
  }
  const stored = [...driver.store<Windowed<string>, number>('sums').all()].map(
    ([{ key, window }, value]) => [name(key, window.startMs, window.endMs), value] as const,
  )
  const sent = driver.output(sums).records()
  return {
    stored: Object.fromEntries(stored),
    sent: sent.map(({ key, value }) => `${key.key} ${key.window.startMs} ${value}`),
  }
}

const add = (sum: number, value: number): number => sum + value
const store = { store: 'sums', retention: '7d' } as const

/** Window by window from the readings alone, with nothing kept but stream time. */
function fixedSums(input: readonly Reading[], advanceMs: number) {
  let streamTimeMs = -1
  const rows: Rows = {}
  const ends = new Map<string, number>()
  for (const { key, value, timestampMs } of input) {
    streamTimeMs = Math.max(streamTimeMs, timestampMs)
    for (let startMs = 0; startMs <= timestampMs; startMs += advanceMs) {
      const endMs = startMs + SIZE
      if (timestampMs < endMs && endMs > streamTimeMs - GRACE) {
        const row = name(key, startMs, endMs)
        rows[row] = (rows[row] ?? 0) + value
        ends.set(row, endMs)
      }
    }
  }
  const closed = Object.keys(rows).filter((row) => (ends.get(row) ?? 0) <= streamTimeMs - GRACE)
  return { rows, closed }
}

/** Every set of readings that a window of both ends inclusive could hold. */
function slidingSums(input: readonly Reading[]): Rows {
  const rows: Rows = {}
  for (const { key, timestampMs } of input) {
    for (const startMs of [Math.max(0, timestampMs - SIZE), timestampMs + 1]) {
      const inside = input.filter(
        (each) =>
          each.key === key && each.timestampMs >= startMs && each.timestampMs <= startMs + SIZE,
      )
      if (inside.length === 0) continue
      rows[name(key, startMs, startMs + SIZE)] = inside.reduce((sum, each) => sum + each.value, 0)
    }
  }
  return rows
}

function sessionSums(input: readonly Reading[]): Rows {
  const rows: Rows = {}
  for (const key of new Set(input.map((each) => each.key))) {
    const sorted = input
      .filter((each) => each.key === key)
      .toSorted((left, right) => left.timestampMs - right.timestampMs)
    let startMs = -1
    let endMs = -Infinity
    let sum = 0
    for (const { value, timestampMs } of sorted) {
      if (timestampMs - endMs > ADVANCE) {
        if (startMs >= 0) rows[name(key, startMs, endMs)] = sum
        startMs = timestampMs
        sum = 0
      }
      endMs = timestampMs
      sum += value
    }
    rows[name(key, startMs, endMs)] = sum
  }
  return rows
}

describe.each(seeds)('windowed sums of readings, late ones among them (seed %i)', (seed) => {
  const input = inputOf(seed)

  test('of tumbling and hopping windows are the sums of what was in time', async () => {
    const grace = `${GRACE}ms` as const
    const size = `${SIZE}ms` as const
    const tumbled = await run(input, (grouped) =>
      grouped.windowedBy(tumbling(size, { grace })).reduce(add, store),
    )
    expect(tumbled.stored).toEqual(fixedSums(input, SIZE).rows)
    const hopped = await run(input, (grouped) =>
      grouped.windowedBy(hopping(size, { advance: `${ADVANCE}ms`, grace })).reduce(add, store),
    )
    expect(hopped.stored).toEqual(fixedSums(input, ADVANCE).rows)
  })

  test('are sent once where that waits for the close', async () => {
    const { sent } = await run(input, (grouped) =>
      grouped
        .windowedBy(
          hopping(`${SIZE}ms`, {
            advance: `${ADVANCE}ms`,
            grace: `${GRACE}ms`,
            emit: 'on-close',
          }),
        )
        .reduce(add, store),
    )
    const { rows, closed } = fixedSums(input, ADVANCE)
    const expected = closed.map((row) => `${row.replace(/-\d+$/, '')} ${rows[row]}`)
    expect(sent.toSorted()).toEqual(expected.toSorted())
  })

  test('of sliding windows are the sums of what lies in each of them', async () => {
    const { stored } = await run(input, (grouped) =>
      grouped.windowedBy(sliding(`${SIZE}ms`, { grace: '1d' })).reduce(add, store),
    )
    expect(stored).toEqual(slidingSums(input))
  })

  test('of sessions are the sums of runs without a gap', async () => {
    const { stored } = await run(input, (grouped) =>
      grouped.windowedBy(session(`${ADVANCE}ms`, { grace: '1d' })).reduce(add, store),
    )
    expect(stored).toEqual(sessionSums(input))
  })
})
