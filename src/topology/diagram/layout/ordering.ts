import { seededRandom, type Random } from '../../../core/random.ts'
import type { Item, Layers, Segment } from './layers.ts'

const SWEEPS = 10
/** Beside the order that things come in: a good one is not found from everywhere. */
const SHUFFLES = 6

/** Changes the order within layers until few lines cross, always in the same way. */
export function order({ rows, segments }: Layers): void {
  const random = seededRandom(1)
  let best = rows.map((row) => [...row])
  let fewest = new Ordering(best, segments).crossings()
  for (let start = 0; start <= SHUFFLES && fewest > 0; start++) {
    const from = start === 0 ? rows : rows.map((row) => shuffled(row, random))
    const ordering = new Ordering(
      from.map((row) => [...row]),
      segments,
    )
    for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
      ordering.sweep(sweep % 2 === 0 ? 'down' : 'up')
      ordering.swap()
      const crossings = ordering.crossings()
      if (crossings < fewest) {
        fewest = crossings
        best = ordering.copy()
      }
    }
  }
  for (const [layer, row] of best.entries()) rows[layer]?.splice(0, Infinity, ...row)
}

function shuffled(row: readonly Item[], random: Random): Item[] {
  const keys = new Map(row.map((item) => [item, random()]))
  return row.toSorted((left, right) => (keys.get(left) ?? 0) - (keys.get(right) ?? 0))
}

class Ordering {
  readonly #rows: readonly Item[][]
  readonly #above: ReadonlyMap<Item, readonly Segment[]>
  readonly #below: ReadonlyMap<Item, readonly Segment[]>
  readonly #places = new Map<Item, number>()

  constructor(rows: readonly Item[][], segments: readonly Segment[]) {
    this.#rows = rows
    this.#above = Map.groupBy(segments, ({ to }) => to)
    this.#below = Map.groupBy(segments, ({ from }) => from)
    for (const row of rows) this.#number(row)
  }

  copy(): Item[][] {
    return this.#rows.map((row) => [...row])
  }

  #number(row: readonly Item[]): void {
    for (const [index, item] of row.entries()) this.#places.set(item, index)
  }

  /** Where a line ends, in places of the layer: a box has a width. */
  #place(item: Item, offsetX: number): number {
    const within = item.width === 0 ? 0 : (0.9 * offsetX) / item.width
    return (this.#places.get(item) ?? 0) + within
  }

  /** Each layer by the mean of where its lines come from. */
  sweep(direction: 'down' | 'up'): void {
    const rows = direction === 'down' ? this.#rows : this.#rows.toReversed()
    for (const row of rows) {
      const other = direction === 'down' ? 'up' : 'down'
      const means = new Map(
        row.map((item, index) => [
          item,
          this.#mean(item, direction) ?? this.#mean(item, other) ?? index,
        ]),
      )
      row.sort((left, right) => (means.get(left) ?? 0) - (means.get(right) ?? 0))
      this.#number(row)
    }
  }

  #mean(item: Item, direction: 'down' | 'up'): number | undefined {
    const places =
      direction === 'down'
        ? (this.#above.get(item) ?? []).map(({ from, fromX }) => this.#place(from, fromX))
        : (this.#below.get(item) ?? []).map(({ to, toX }) => this.#place(to, toX))
    if (places.length === 0) return undefined
    return places.reduce((sum, place) => sum + place, 0) / places.length
  }

  /** Exchanges neighbours as long as that takes a crossing away. */
  swap(): void {
    let improved = true
    while (improved) {
      improved = false
      for (const row of this.#rows) {
        for (let index = 0; index + 1 < row.length; index++) {
          const [left, right] = [row[index] as Item, row[index + 1] as Item]
          if (this.#between(left, right) <= this.#between(right, left)) continue
          row[index] = right
          row[index + 1] = left
          this.#number(row)
          improved = true
        }
      }
    }
  }

  /** Crossings of the lines of two neighbours in this order. */
  #between(left: Item, right: Item): number {
    const upper = (item: Item): number[] =>
      (this.#above.get(item) ?? []).map(({ from, fromX }) => this.#place(from, fromX))
    const lower = (item: Item): number[] =>
      (this.#below.get(item) ?? []).map(({ to, toX }) => this.#place(to, toX))
    return inversions(upper(left), upper(right)) + inversions(lower(left), lower(right))
  }

  crossings(): number {
    let crossings = 0
    for (const row of this.#rows) {
      const lines = row.flatMap((item) =>
        (this.#below.get(item) ?? []).map(({ to, fromX, toX }) => ({
          from: this.#place(item, fromX),
          to: this.#place(to, toX),
        })),
      )
      for (const [index, line] of lines.entries()) {
        for (const other of lines.slice(index + 1)) {
          if ((line.from - other.from) * (line.to - other.to) < 0) crossings++
        }
      }
    }
    return crossings
  }
}

const inversions = (left: readonly number[], right: readonly number[]): number =>
  left.reduce((sum, place) => sum + right.filter((other) => other < place).length, 0)
