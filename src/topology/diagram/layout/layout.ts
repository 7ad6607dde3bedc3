import { middles } from './coordinates.ts'
import type { Gaps, Layout, LayoutGraph, Point } from './graph.ts'
import { layersFrom, type Item, type Layers, type Segment } from './layers.ts'
import { order } from './ordering.ts'
import { spread } from './spread.ts'

/** Boxes in layers from above, as little crossed and bent as can be had cheaply. */
export function layOut(graph: LayoutGraph, { betweenLayers, betweenNodes }: Gaps): Layout {
  const layers = layersFrom(graph)
  order(layers)
  spread(layers)
  const xs = middles(layers, betweenNodes)
  const left = Math.min(...[...xs].map(([item, x]) => x - item.width / 2))
  const right = Math.max(...[...xs].map(([item, x]) => x + item.width / 2))
  const xOf = (item: Item): number => Math.round((xs.get(item) ?? 0) - left)
  const bands = bandsOf(layers, betweenLayers)
  const nodes = new Map<string, Point>()
  for (const [layer, row] of layers.rows.entries()) {
    for (const item of row) {
      const x = xOf(item) - Math.round(item.width / 2)
      nodes.set(item.id, { x, y: (bands[layer] as Band).top })
    }
  }
  const edges = new Map(
    [...layers.routes].map(([id, route]) => [id, pointsOf(route, xOf, bands)] as const),
  )
  const { bottom } = bands.at(-1) ?? { bottom: 0 }
  return { width: Math.round(right - left), height: bottom, nodes, edges }
}

interface Band {
  readonly top: number
  readonly bottom: number
}

/** Layers one below the other, each as high as the highest in it. */
function bandsOf({ rows }: Layers, gap: number): readonly Band[] {
  const bands: Band[] = []
  let top = 0
  for (const row of rows) {
    const bottom = top + Math.max(0, ...row.map((item) => item.height))
    bands.push({ top, bottom })
    top = bottom + gap
  }
  return bands
}

/** A line leaves below, arrives above, and goes straight through the layers in between. */
function pointsOf(
  route: readonly Segment[],
  xOf: (item: Item) => number,
  bands: readonly Band[],
): readonly Point[] {
  const points: Point[] = []
  const add = (point: Point): void => {
    const last = points.at(-1)
    if (last?.x !== point.x || last.y !== point.y) points.push(point)
  }
  for (const { from, to, fromX, toX } of route) {
    const { top, bottom } = bands[from.layer] as Band
    const x = xOf(from) + fromX
    add({ x, y: top + from.height })
    // Past its neighbours, which may be higher, before it bends.
    add({ x, y: bottom })
    add({ x: xOf(to) + toX, y: (bands[to.layer] as Band).top })
  }
  return points
}
