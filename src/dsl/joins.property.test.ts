import { describe, expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { TopologyBuilder } from './builder.ts'
import type { Table } from './table.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

type Side = 'left' | 'right'
interface Input {
  readonly to: Side
  readonly key: string
  readonly value: number | null
}
type Rows = Readonly<Record<Side, ReadonlyMap<string, number>>>
type Text = Table<string, string, string>

const left = topic('left', { key: string, value: json<number>() })
const right = topic('right', { key: string, value: json<number>() })
const output = topic('output', { key: string, value: json<string>() })
const sides = { left, right }

const pair = (a: number | null, b: number | null): string | null =>
  // Now and then two rows make none.
  ((a ?? 0) + (b ?? 0)) % 7 === 3 ? null : `${a}&${b}`

/** A few keys and values, so that they meet often; a value in four is a deletion. */
function inputsOf(seed: number): readonly Input[] {
  const random = seededRandom(seed)
  return Array.from({ length: 120 }, () => ({
    to: random() < 0.5 ? 'left' : 'right',
    key: `key-${Math.floor(random() * 5)}`,
    value: random() < 0.25 ? null : Math.floor(random() * 9),
  }))
}

/** Both tables after all that was sent. */
function rowsAfter(inputs: readonly Input[]): Rows {
  const rows = { left: new Map<string, number>(), right: new Map<string, number>() }
  for (const { to, key, value } of inputs) {
    if (value === null) rows[to].delete(key)
    else rows[to].set(key, value)
  }
  return rows
}

const sorted = <V>(rows: Iterable<readonly [key: string, value: V]>) =>
  [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))

/** A nested loop over both tables; a kept row without a partner is joined with null. */
function nestedLoop(rows: Rows, keeps: { readonly left: boolean; readonly right: boolean }) {
  const joined: (readonly [key: string, value: string])[] = []
  const add = (key: string, value: string | null): void => {
    if (value !== null) joined.push([key, value])
  }
  for (const [key, a] of rows.left) {
    for (const [other, b] of rows.right) if (other === key) add(key, pair(a, b))
    if (keeps.left && !rows.right.has(key)) add(key, pair(a, null))
  }
  for (const [key, b] of rows.right) {
    if (keeps.right && !rows.left.has(key)) add(key, pair(null, b))
  }
  return sorted(joined)
}

const joins = [
  {
    name: 'join',
    keeps: { left: false, right: false },
    of: (a: Table<string, number>, b: Table<string, number>, store?: string) =>
      a.join(b, pair, store === undefined ? {} : { store }),
  },
  {
    name: 'left join',
    keeps: { left: true, right: false },
    of: (a: Table<string, number>, b: Table<string, number>, store?: string) =>
      a.leftJoin(b, pair, store === undefined ? {} : { store }),
  },
  {
    name: 'outer join',
    keeps: { left: true, right: true },
    of: (a: Table<string, number>, b: Table<string, number>, store?: string) =>
      a.outerJoin(b, pair, store === undefined ? {} : { store }),
  },
] as const

const tablesOf = (builder: TopologyBuilder) =>
  [builder.table(left, { store: 'left' }), builder.table(right, { store: 'right' })] as const

const seeds = [1, 2, 3, 4, 5, 6, 7, 8]

describe.each(joins)('a $name of tables', ({ of, keeps }) => {
  test.each(seeds)('is a nested loop over their rows at every moment (seed %i)', async (seed) => {
    await using driver = new TopologyTestDriver(
      topology('joins', (builder) => {
        const [a, b] = tablesOf(builder)
        of(a, b, 'joined')
        of(a, b).toStream().to(output)
      }),
    )
    const inputs = inputsOf(seed)
    const announced = new Map<string, string>()
    for (const [index, { to, key, value }] of inputs.entries()) {
      await driver.input(sides[to]).send(key, value)
      for (const [at, joined] of driver.output(output).keyValues()) {
        if ((joined as string | null) === null) announced.delete(at)
        else announced.set(at, joined)
      }
      const expected = nestedLoop(rowsAfter(inputs.slice(0, index + 1)), keeps)
      expect([...driver.store<string, string>('joined').all()]).toEqual(expected)
      expect(sorted(announced)).toEqual(expected)
    }
  })

  test.each(seeds)('tells a group what to add and subtract (seed %i)', async (seed) => {
    const countOf = (joined: Text, store: string): void => {
      joined.groupBy((value) => [value, value], { name: store }).count({ store })
    }
    await using driver = new TopologyTestDriver(
      topology('joins', (builder) => {
        const [a, b] = tablesOf(builder)
        countOf(of(a, b), 'counts')
        countOf(of(a, b, 'joined'), 'counts-of-kept')
      }),
    )
    const inputs = inputsOf(seed)
    for (const { to, key, value } of inputs) await driver.input(sides[to]).send(key, value)
    const groups = Map.groupBy(nestedLoop(rowsAfter(inputs), keeps), ([, value]) => value)
    const expected = sorted([...groups].map(([value, rows]) => [value, rows.length] as const))
    for (const store of ['counts', 'counts-of-kept']) {
      // A group that was emptied stays, with 0.
      const found = [...driver.store<string, number>(store).all()].filter(([, n]) => n > 0)
      expect(found).toEqual(expected)
    }
  })
})

describe('a stream joined with a join of tables that is kept nowhere', () => {
  test.each(seeds)('finds the row that a nested loop finds (seed %i)', async (seed) => {
    const asked = topic('asked', { key: string, value: json<string>() })
    await using driver = new TopologyTestDriver(
      topology('joins', (builder) => {
        const [a, b] = tablesOf(builder)
        const joined = a.outerJoin(b, pair).mapValues((value) => value)
        builder
          .stream(asked)
          .leftJoin(joined, (question, row) => `${question}: ${row}`)
          .to(output)
      }),
    )
    const inputs = inputsOf(seed)
    for (const [index, { to, key, value }] of inputs.entries()) {
      await driver.input(sides[to]).send(key, value)
      await driver.input(asked).send(key, 'row')
      const rows = rowsAfter(inputs.slice(0, index + 1))
      const expected = new Map(nestedLoop(rows, { left: true, right: true }))
      const answer = `row: ${expected.get(key) ?? null}`
      expect(driver.output(output).keyValues()).toEqual([[key, answer]])
    }
  })
})

describe.each([1, 2, 3, 4, 5, 6])('a stream joined with a global table (seed %i)', (seed) => {
  test.each(['join', 'leftJoin'] as const)('by %s equals a look-up in a map', async (word) => {
    const select = (value: number): string | null => (value === 0 ? null : `key-${value % 5}`)
    await using driver = new TopologyTestDriver(
      topology('looked-up', (builder) => {
        const rows = builder.globalTable(right, { store: 'rows' })
        const stream = builder.stream(left)
        const isLeft = word === 'leftJoin'
        const joined = isLeft
          ? stream.leftJoin(rows, select, pair)
          : stream.join(rows, select, pair)
        joined.to(output)
      }),
    )
    const rows = new Map<string, number>()
    const expected: unknown[] = []
    for (const { to, key, value } of inputsOf(seed)) {
      await driver.input(sides[to]).send(key, value)
      if (to === 'right') {
        if (value === null) rows.delete(key)
        else rows.set(key, value)
      } else if (value !== null) {
        const row = rows.get(select(value) ?? '') ?? null
        if (row !== null || word === 'leftJoin') expected.push([key, pair(value, row)])
      }
    }
    expect(driver.output(output).keyValues()).toEqual(expected)
    expect([...driver.store('rows').all()]).toEqual(sorted(rows))
  })
})
