import { layOut } from './layout/layout.ts'
import type { Layout, LayoutEdge, LayoutNode } from './layout/graph.ts'
import { cardSize, even, sizes, storeSize } from './measures.ts'
import type { SketchGroup } from './sketch.ts'
import { textWidth } from './text-width.ts'

/** The inside of a box, and where lines go in and out of it. */
export interface GroupLayout {
  readonly group: SketchGroup
  readonly width: number
  readonly height: number
  readonly titleX: number
  /** Upper left corner of the inside. */
  readonly inside: { readonly x: number; readonly y: number }
  readonly layout: Layout
  /** From the left side of the box, by topic. */
  readonly doorsIn: ReadonlyMap<string, number>
  readonly doorsOut: ReadonlyMap<string, number>
}

const gaps = { betweenLayers: 40, betweenNodes: 28 }
const DOOR_WIDTH = 12
const TITLE_MARGIN = 14

export const doorIn = (topic: string): string => `in ${topic}`
export const doorOut = (topic: string): string => `out ${topic}`

export function groupLayout(group: SketchGroup): GroupLayout {
  const own = new Set([...group.cards, ...group.stores].map(({ id }) => id))
  const edges: LayoutEdge[] = group.links.map(({ from, to }, index) => ({
    id: String(index),
    from: own.has(from) ? from : doorIn(from),
    to: own.has(to) ? to : doorOut(to),
  }))
  const topicsIn = distinct(group.links.map(({ from }) => from).filter((id) => !own.has(id)))
  const topicsOut = distinct(group.links.map(({ to }) => to).filter((id) => !own.has(id)))
  const door = (id: string, pin: 'first' | 'last'): LayoutNode => ({
    id,
    width: DOOR_WIDTH,
    height: 0,
    pin,
  })
  const nodes: LayoutNode[] = [
    ...topicsIn.map((topic) => door(doorIn(topic), 'first')),
    ...group.cards.map((card) => ({ id: card.id, ...cardSize(card) })),
    ...group.stores.map((store) => ({ id: store.id, ...storeSize(store) })),
    ...topicsOut.map((topic) => door(doorOut(topic), 'last')),
  ]
  const layout = layOut({ nodes, edges }, gaps)
  const middle = (id: string): number => (layout.nodes.get(id)?.x ?? 0) + DOOR_WIDTH / 2
  const doors = topicsIn.map((topic) => middle(doorIn(topic)))
  const title = withTitle(group.title, layout.width + 2 * sizes.boxPadding, {
    first: Math.min(...doors, Infinity) + sizes.boxPadding,
    last: Math.max(...doors, -Infinity) + sizes.boxPadding,
  })
  const x = sizes.boxPadding + title.shift
  // Doors have no height, but a gap to what comes next: the title stands in the upper one.
  const y = Math.max(0, sizes.boxTitle - gaps.betweenLayers)
  const hasDoors = topicsOut.length > 0
  return {
    group,
    width: even(title.width),
    height: y + layout.height + (hasDoors ? 0 : sizes.boxBottom),
    titleX: title.x,
    inside: { x, y },
    layout,
    doorsIn: new Map(topicsIn.map((topic) => [topic, x + middle(doorIn(topic))])),
    doorsOut: new Map(topicsOut.map((topic) => [topic, x + middle(doorOut(topic))])),
  }
}

const distinct = (ids: readonly string[]): readonly string[] => [...new Set(ids)]

/** The title stands beside the lines that come in; where there is no room, the box gets wider. */
function withTitle(
  title: string,
  width: number,
  doors: { readonly first: number; readonly last: number },
): { readonly x: number; readonly width: number; readonly shift: number } {
  const needed = textWidth(title, sizes.small) + 2 * TITLE_MARGIN
  const onLeft = needed - doors.first
  const onRight = needed - (width - doors.last)
  if (onLeft <= 0 || onLeft <= onRight) {
    const shift = Math.max(0, onLeft)
    return { x: TITLE_MARGIN, width: Math.max(width + shift, needed), shift }
  }
  const wider = width + Math.max(0, onRight)
  return { x: wider - needed + TITLE_MARGIN, width: wider, shift: 0 }
}
