import { expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

interface Payment {
  readonly id: string | null
  readonly amount: number
}

const payments = topic('payments', { key: string, value: json<Payment>() })
const once = topic('once', { key: string, value: json<Payment>() })
const twice = topic('twice', { key: string, value: json<Payment>() })

const deduped = topology('deduped', (builder) => {
  const first = builder
    .stream(payments)
    .dedupe({ by: (payment) => payment.id, within: '10s', store: 'seen-payments' })
  first.to(once)
  first.duplicates.to(twice)
})

async function run(records: readonly (readonly [string | null, string | null, number])[]) {
  await using driver = new TopologyTestDriver(deduped)
  for (const [index, [key, id, timestampMs]] of records.entries()) {
    await driver.input(payments).send(key, { id, amount: index }, { timestampMs })
  }
  const amounts = (name: typeof once) =>
    driver
      .output(name)
      .values()
      .map(({ amount }) => amount)
  return { kept: amounts(once), duplicates: amounts(twice), dropped: driver.counters.dropped }
}

test('the first record of a key and id is passed on, the others within the time are not', async () => {
  const result = await run([
    ['a', 'p-1', 1_000],
    ['a', 'p-1', 1_000],
    ['a', 'p-2', 2_000],
    ['a', 'p-1', 11_000],
    ['a', 'p-1', 11_001],
  ])
  expect(result).toEqual({ kept: [0, 2, 4], duplicates: [1, 3], dropped: 2 })
})

test('the same id of another key is another record, and so is a number that reads like a text', async () => {
  const result = await run([
    ['a', 'p-1', 1_000],
    ['b', 'p-1', 1_000],
    ['ap', '-1', 1_000],
  ])
  expect(result.kept).toEqual([0, 1, 2])
})

test('a record that comes out of order is compared with those after it, too', async () => {
  const result = await run([
    ['a', 'p-1', 20_000],
    ['a', 'p-1', 10_000],
    ['a', 'p-1', 9_999],
  ])
  expect(result).toMatchObject({ kept: [0, 2], duplicates: [1] })
})

test('a duplicate prolongs nothing', async () => {
  const result = await run([
    ['a', 'p-1', 0],
    ['a', 'p-1', 9_000],
    ['a', 'p-1', 18_000],
  ])
  expect(result.kept).toEqual([0, 2])
})

test('without an id or a key nothing is a duplicate', async () => {
  const result = await run([
    ['a', null, 1_000],
    ['a', null, 1_000],
    [null, 'p-1', 1_000],
    [null, 'p-1', 1_000],
  ])
  expect(result).toMatchObject({ kept: [0, 1, 2, 3], dropped: 0 })
})

test('what was seen long ago is forgotten, and a record from then is passed on', async () => {
  const result = await run([
    ['a', 'p-1', 1_000],
    ['b', 'p-9', 100_000],
    ['a', 'p-1', 1_000],
  ])
  expect(result.kept).toEqual([0, 1, 2])
})

test('equals a plain search through all that was kept, for whatever comes', async () => {
  // A seeded walk: no record is further behind than the time that is compared.
  let seed = 7
  const next = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  const records = Array.from(
    { length: 500 },
    (_, index) => [`k${next(3)}`, `p${next(6)}`, index * 700 + next(9_000)] as const,
  )
  const kept: number[] = []
  for (const [index, [key, id, atMs]] of records.entries()) {
    const isDuplicate = kept.some((each) => {
      const [otherKey, otherId, otherMs] = records[each]!
      return otherKey === key && otherId === id && Math.abs(otherMs - atMs) <= 10_000
    })
    if (!isDuplicate) kept.push(index)
  }
  expect((await run(records)).kept).toEqual(kept)
})
