import type { Item, Layers } from './layers.ts'

const ROUNDS = 20
const NEARLY = 16

/**
 * The middle of each item across the layers: near to the middle of what it is connected with, in
 * the given order and without overlaps. Long lines are kept straight before short ones.
 */
export function middles({ rows, segments }: Layers, gap: number): ReadonlyMap<Item, number> {
  const above = Map.groupBy(segments, ({ to }) => to)
  const below = Map.groupBy(segments, ({ from }) => from)
  const xs = new Map<Item, number>()
  for (const row of rows) {
    let x = 0
    for (const item of row) {
      xs.set(item, x + item.width / 2)
      x += item.width + gap
    }
  }
  const xOf = (item: Item): number => xs.get(item) ?? 0
  const wishes = (item: Item, direction: 'down' | 'up' | 'both'): readonly Wish[] => {
    const fromAbove = (above.get(item) ?? []).map(({ from, fromX, toX }) => ({
      x: xOf(from) + fromX - toX,
      weight: weightOf(from, item),
    }))
    const fromBelow = (below.get(item) ?? []).map(({ to, fromX, toX }) => ({
      x: xOf(to) + toX - fromX,
      weight: weightOf(item, to),
    }))
    if (direction === 'down') return fromAbove
    return direction === 'up' ? fromBelow : [...fromAbove, ...fromBelow]
  }
  const settle = (row: readonly Item[], direction: 'down' | 'up' | 'both'): void => {
    const wanted = row.map((item) => mean(wishes(item, direction), xOf(item)))
    for (const [index, x] of apart(row, wanted, gap).entries()) xs.set(row[index] as Item, x)
  }
  const upwards = rows.toReversed()
  for (let round = 0; round < ROUNDS; round++) {
    for (const row of rows) settle(row, 'down')
    for (const row of upwards) settle(row, 'up')
  }
  for (let round = 0; round < 2 * ROUNDS; round++) {
    for (const row of round % 2 === 0 ? rows : upwards) settle(row, 'both')
  }
  // A line that is nearly straight is made straight, where there is room for it.
  for (const row of rows) {
    const wanted = row.map((item): Wish => {
      const { x } = mean(wishes(item, 'down'), xOf(item))
      return Math.abs(x - xOf(item)) <= NEARLY ? { x, weight: 1 } : { x: xOf(item), weight: 4 }
    })
    for (const [index, x] of apart(row, wanted, gap).entries()) xs.set(row[index] as Item, x)
  }
  return xs
}

interface Wish {
  readonly x: number
  readonly weight: number
}

function weightOf(from: Item, to: Item): number {
  if (from.isPassage && to.isPassage) return 8
  return from.isPassage || to.isPassage ? 2 : 1
}

/** Without a wish an item stays where it is, as long as nobody pushes. */
function mean(wishes: readonly Wish[], x: number): Wish {
  const weight = wishes.reduce((sum, wish) => sum + wish.weight, 0)
  if (weight === 0) return { x, weight: 0.1 }
  return { x: wishes.reduce((sum, wish) => sum + wish.x * wish.weight, 0) / weight, weight }
}

/** The places nearest to those that are wanted, by weighted squares, with all gaps kept. */
function apart(row: readonly Item[], wanted: readonly Wish[], gap: number): readonly number[] {
  const offsets: number[] = []
  for (const [index, item] of row.entries()) {
    const left = row[index - 1]
    const before = offsets[index - 1]
    const distance =
      left === undefined ? 0 : (left.width + item.width) / 2 + gapBetween(left, item, gap)
    offsets.push((before ?? 0) + distance)
  }
  // Pool adjacent violators: those that would overlap move as one.
  const pools: { x: number; weight: number; length: number }[] = []
  for (const [index, { x, weight }] of wanted.entries()) {
    let pool = { x: x - (offsets[index] ?? 0), weight, length: 1 }
    for (let last = pools.at(-1); last !== undefined && last.x > pool.x; last = pools.at(-1)) {
      const sum = last.weight + pool.weight
      pool = {
        x: (last.x * last.weight + pool.x * pool.weight) / sum,
        weight: sum,
        length: last.length + pool.length,
      }
      pools.pop()
    }
    pools.push(pool)
  }
  const shifts = pools.flatMap(({ x, length }) => Array.from({ length }, () => x))
  return shifts.map((shift, index) => shift + (offsets[index] ?? 0))
}

const gapBetween = (left: Item, right: Item, gap: number): number =>
  left.isPassage || right.isPassage ? gap / 2 : gap
