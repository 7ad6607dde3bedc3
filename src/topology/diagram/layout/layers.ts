import type { LayoutEdge, LayoutGraph, LayoutNode } from './graph.ts'
import { layersOf } from './layering.ts'

/** Something in a layer: a node, or a place where a longer edge passes through. */
export interface Item {
  readonly id: string
  readonly width: number
  readonly height: number
  readonly isPassage: boolean
  readonly layer: number
}

/** A part of an edge, from one layer to the next. Ends are from the middle of their items. */
export interface Segment {
  readonly from: Item
  readonly to: Item
  fromX: number
  toX: number
  /** Somebody has said where it leaves or arrives. */
  readonly fromIsFixed: boolean
  readonly toIsFixed: boolean
}

export interface Layers {
  /** From left to right, which an ordering changes. */
  readonly rows: readonly Item[][]
  readonly segments: readonly Segment[]
  /** The segments of each edge, from above. */
  readonly routes: ReadonlyMap<string, readonly Segment[]>
}

/** What a line takes that passes through a layer. */
const PASSAGE_WIDTH = 14

/** Nodes in layers, with passages for the edges that span more than one. */
export function layersFrom({ nodes, edges }: LayoutGraph): Layers {
  const layerOf = layersOf(nodes, edges)
  const items = new Map(
    nodes.map(({ id, width, height }: LayoutNode) => [
      id,
      { id, width, height, isPassage: false, layer: layerOf.get(id) ?? 0 },
    ]),
  )
  const routes = new Map(edges.map((edge) => [edge.id, routeOf(edge, items)]))
  const segments = [...routes.values()].flat()
  const passages = segments.map(({ to }) => to).filter(({ isPassage }) => isPassage)
  return { rows: rowsOf([...items.values(), ...passages], segments), segments, routes }
}

function routeOf(
  { id, from, to, fromX, toX }: LayoutEdge,
  items: ReadonlyMap<string, Item>,
): readonly Segment[] {
  const [first, last] = [items.get(from) as Item, items.get(to) as Item]
  const between = Array.from({ length: last.layer - first.layer - 1 }, (_, index): Item => {
    const layer = first.layer + 1 + index
    return { id: `${id} in ${layer}`, width: PASSAGE_WIDTH, height: 0, isPassage: true, layer }
  })
  const stops = [...between, last]
  return stops.map((stop, index) => {
    const [isFirst, isLast] = [index === 0, index === stops.length - 1]
    return {
      from: isFirst ? first : (stops[index - 1] as Item),
      to: stop,
      fromX: isFirst ? (fromX ?? 0) : 0,
      toX: isLast ? (toX ?? 0) : 0,
      fromIsFixed: !isFirst || fromX !== undefined,
      toIsFixed: !isLast || toX !== undefined,
    }
  })
}

/** A first order: what belongs together is met one after the other. */
function rowsOf(items: readonly Item[], segments: readonly Segment[]): Item[][] {
  const length = Math.max(-1, ...items.map(({ layer }) => layer)) + 1
  const rows = Array.from({ length }, (): Item[] => [])
  const below = Map.groupBy(segments, ({ from }) => from)
  const above = Map.groupBy(segments, ({ to }) => to)
  const seen = new Set<Item>()
  const visit = (item: Item): void => {
    if (seen.has(item)) return
    seen.add(item)
    rows[item.layer]?.push(item)
    for (const { to } of below.get(item) ?? []) visit(to)
    for (const { from } of above.get(item) ?? []) visit(from)
  }
  for (const item of items.toSorted((left, right) => left.layer - right.layer)) visit(item)
  return rows
}
