import type { Item, Layers, Segment } from './layers.ts'

/** Between the ends of two lines at a box, and from its corners. */
const BETWEEN = 20
const CORNER = 14

/** Lines that leave or reach one box do so side by side, in the order of what they lead to. */
export function spread({ rows, segments }: Layers): void {
  const places = new Map(rows.flatMap((row) => row.map((item, index) => [item, index] as const)))
  const place = (item: Item, x: number): number =>
    (places.get(item) ?? 0) + (item.width === 0 ? 0 : x / item.width)
  for (const [{ width }, lines] of Map.groupBy(segments, ({ from }) => from)) {
    const open = lines.filter(({ fromIsFixed }) => !fromIsFixed)
    const sorted = open.toSorted((a, b) => place(a.to, a.toX) - place(b.to, b.toX))
    for (const [index, x] of evenly(sorted.length, width).entries()) {
      ;(sorted[index] as Segment).fromX = x
    }
  }
  for (const [{ width }, lines] of Map.groupBy(segments, ({ to }) => to)) {
    const open = lines.filter(({ toIsFixed }) => !toIsFixed)
    const sorted = open.toSorted((a, b) => place(a.from, a.fromX) - place(b.from, b.fromX))
    for (const [index, x] of evenly(sorted.length, width).entries()) {
      ;(sorted[index] as Segment).toX = x
    }
  }
}

/** So many places around the middle. */
function evenly(count: number, width: number): readonly number[] {
  const step = count < 2 ? 0 : Math.max(0, Math.min(BETWEEN, (width - 2 * CORNER) / (count - 1)))
  return Array.from({ length: count }, (_, index) => Math.round((index - (count - 1) / 2) * step))
}
