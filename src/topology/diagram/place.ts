import { backLines } from './back-edges.ts'
import { doorIn, doorOut, groupLayout, type GroupLayout } from './group-layout.ts'
import { layOut } from './layout/layout.ts'
import type { Layout, LayoutEdge, LayoutNode, Point } from './layout/graph.ts'
import { cardSize, sizes, storeSize, topicSize } from './measures.ts'
import type { Frame, Picture, PictureLine } from './picture.ts'
import type { Sketch, SketchLine, SketchTopic } from './sketch.ts'

const gaps = { betweenLayers: 46, betweenNodes: 44 }
/** Between a line that leads back and the next. */
const LANE = 18
const BETWEEN_PARTS = 56
/** Parts that have nothing to do with each other stand side by side up to here. */
const WIDTH_WANTED = 1_200
const HEADER = 44

type Part = Pick<Picture, 'boxes' | 'cards' | 'stores' | 'topics' | 'lines' | 'width' | 'height'>

export function placed(sketch: Sketch): Picture {
  const parts = connectedParts(sketch).map(partOf)
  const pictures: Part[] = []
  let [x, y, rowHeight, width] = [0, 0, 0, 0]
  const wanted = Math.max(WIDTH_WANTED, ...parts.map((part) => part.width))
  for (const part of parts) {
    if (x > 0 && x + part.width > wanted) {
      x = 0
      y += rowHeight + BETWEEN_PARTS
      rowHeight = 0
    }
    pictures.push(moved(part, { x: sizes.margin + x, y: sizes.margin + HEADER + y }))
    x += part.width + BETWEEN_PARTS
    width = Math.max(width, x - BETWEEN_PARTS)
    rowHeight = Math.max(rowHeight, part.height)
  }
  return {
    title: sketch.name,
    deadLetters: sketch.deadLetters,
    width: width + 2 * sizes.margin,
    height: HEADER + y + rowHeight + 2 * sizes.margin,
    boxes: pictures.flatMap((part) => part.boxes),
    cards: pictures.flatMap((part) => part.cards),
    stores: pictures.flatMap((part) => part.stores),
    topics: pictures.flatMap((part) => part.topics),
    lines: pictures.flatMap((part) => part.lines),
  }
}

type Connected = Pick<Sketch, 'topics' | 'groups' | 'lines'>

function connectedParts({ topics, groups, lines }: Sketch): readonly Connected[] {
  const parts: { ids: Set<string>; lines: SketchLine[] }[] = groups.map(({ id }) => ({
    ids: new Set([id]),
    lines: [],
  }))
  for (const line of lines) {
    const touched = parts.filter(({ ids }) => ids.has(line.group) || ids.has(line.topic))
    const [first, ...others] = touched
    first?.ids.add(line.topic).add(line.group)
    first?.lines.push(line)
    for (const other of others) {
      for (const id of other.ids) first?.ids.add(id)
      first?.lines.push(...other.lines)
      parts.splice(parts.indexOf(other), 1)
    }
  }
  return parts.map((part) => ({
    topics: topics.filter(({ id }) => part.ids.has(id)),
    groups: groups.filter(({ id }) => part.ids.has(id)),
    lines: part.lines,
  }))
}

function partOf({ topics, groups, lines }: Connected): Part {
  const inner = new Map(groups.map((group) => [group.id, groupLayout(group)]))
  const back = backLines(lines, topics)
  const nodes: LayoutNode[] = [
    ...topics.map((topic) => ({ id: topic.id, ...topicSize(topic) })),
    ...[...inner.values()].map(({ group, width, height }) => ({ id: group.id, width, height })),
  ]
  const edges: LayoutEdge[] = lines
    .filter((line) => !back.has(line))
    .map((line) => edgeOf(line, inner.get(line.group) as GroupLayout))
  const outer = layOut({ nodes, edges }, gaps)
  const at = (id: string): Point => outer.nodes.get(id) ?? { x: 0, y: 0 }
  const insides = [...inner.values()].map((group) => insideOf(group, at(group.group.id)))
  const loops = [...back].map((line, index) => loopOf(line, { inner, outer, topics, index }))
  return {
    width: outer.width + loops.length * LANE,
    height: outer.height + (loops.length > 0 ? LANE : 0),
    boxes: [...inner.values()].map(({ group, width, height, titleX }) => ({
      ...at(group.id),
      width,
      height,
      title: group.title,
      titleX,
    })),
    topics: topics.map((topic) => ({ ...at(topic.id), ...topicSize(topic), topic })),
    cards: insides.flatMap(({ cards }) => cards),
    stores: insides.flatMap(({ stores }) => stores),
    lines: [
      ...edges.map(({ id }, index): PictureLine => {
        const line = lines.filter((each) => !back.has(each))[index] as SketchLine
        return {
          points: outer.edges.get(id) ?? [],
          kind: line.direction === 'in' ? 'part' : 'record',
          shape: 'curves',
          label: undefined,
        }
      }),
      ...loops,
      ...insides.flatMap((inside) => inside.lines),
    ],
  }
}

const edgeId = ({ topic, group, direction }: SketchLine): string => `${direction} ${topic} ${group}`

function edgeOf(line: SketchLine, { width, doorsIn, doorsOut }: GroupLayout): LayoutEdge {
  const id = edgeId(line)
  const { topic, group, direction } = line
  return direction === 'in'
    ? { id, from: topic, to: group, toX: (doorsIn.get(topic) ?? 0) - width / 2 }
    : { id, from: group, to: topic, fromX: (doorsOut.get(topic) ?? 0) - width / 2 }
}

type Inside = Pick<Part, 'cards' | 'stores' | 'lines'>

function insideOf({ group, layout, inside, height }: GroupLayout, box: Point): Inside {
  const [left, top] = [box.x + inside.x, box.y + inside.y]
  const at = (id: string): Point => {
    const { x, y } = layout.nodes.get(id) ?? { x: 0, y: 0 }
    return { x: left + x, y: top + y }
  }
  const stores = new Set(group.stores.map(({ id }) => id))
  return {
    cards: group.cards.map((card) => ({ ...at(card.id), ...cardSize(card), card })),
    stores: group.stores.map((store) => ({ ...at(store.id), ...storeSize(store), store })),
    lines: group.links.map(({ from, to, label }, index): PictureLine => {
      const points = (layout.edges.get(String(index)) ?? []).map(({ x, y }) => ({
        x: left + x,
        y: top + y,
      }))
      const [isIn, isOut] = [layout.nodes.has(doorIn(from)), layout.nodes.has(doorOut(to))]
      const [first, last] = [points[0] as Point, points.at(-1) as Point]
      if (isIn) points.unshift({ x: first.x, y: box.y })
      if (isOut) points.push({ x: last.x, y: box.y + height })
      const isStore = stores.has(from) || stores.has(to)
      return { points, kind: isStore ? 'store' : isOut ? 'part' : 'record', shape: 'curves', label }
    }),
  }
}

interface LoopPlace {
  readonly inner: ReadonlyMap<string, GroupLayout>
  readonly outer: Layout
  readonly topics: readonly SketchTopic[]
  readonly index: number
}

/** Down, along the right side, and in from above. */
function loopOf(line: SketchLine, { inner, outer, topics, index }: LoopPlace): PictureLine {
  const group = inner.get(line.group) as GroupLayout
  const topic = topics.find(({ id }) => id === line.topic) as SketchTopic
  const box = outer.nodes.get(line.group) as Point
  const pill = outer.nodes.get(line.topic) as Point
  const size = topicSize(topic)
  const middle = pill.x + size.width / 2
  const isIn = line.direction === 'in'
  const start = isIn
    ? { x: middle, y: pill.y + size.height }
    : { x: box.x + (group.doorsOut.get(line.topic) ?? 0), y: box.y + group.height }
  const end = isIn
    ? { x: box.x + (group.doorsIn.get(line.topic) ?? 0), y: box.y }
    : { x: middle, y: pill.y }
  const lane = outer.width + (index + 0.5) * LANE
  const [below, above] = [start.y + 12 + 5 * index, end.y - 18 - 5 * index]
  return {
    points: [
      start,
      { x: start.x, y: below },
      { x: lane, y: below },
      { x: lane, y: above },
      { x: end.x, y: above },
      end,
    ],
    kind: isIn ? 'part' : 'record',
    shape: 'corners',
    label: undefined,
  }
}

function moved(part: Part, by: Point): Part {
  const move = <T extends Point>(point: T): T => ({
    ...point,
    x: point.x + by.x,
    y: point.y + by.y,
  })
  const moveAll = <T extends Frame>(frames: readonly T[]): readonly T[] => frames.map(move)
  return {
    ...part,
    boxes: moveAll(part.boxes),
    cards: moveAll(part.cards),
    stores: moveAll(part.stores),
    topics: moveAll(part.topics),
    lines: part.lines.map((line) => ({ ...line, points: line.points.map(move) })),
  }
}
