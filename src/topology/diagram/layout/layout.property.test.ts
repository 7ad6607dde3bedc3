import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../core/random.ts'
import type { LayoutGraph } from './graph.ts'
import { layOut } from './layout.ts'

const gaps = { betweenLayers: 40, betweenNodes: 20 }

/** Every edge leads from a node to a later one, so that there is no cycle. */
function graphOf(seed: number): LayoutGraph {
  const random = seededRandom(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  const count = 2 + below(25)
  const nodes = Array.from({ length: count }, (_, index) => ({
    id: `n${index}`,
    width: 20 + 2 * below(100),
    height: 10 + below(60),
  }))
  const edges = Array.from({ length: below(2 * count) }, (_, index) => {
    const from = below(count - 1)
    const to = from + 1 + below(count - from - 1)
    return { id: `e${index}`, from: `n${from}`, to: `n${to}` }
  })
  return { nodes, edges }
}

describe.each(Array.from({ length: 40 }, (_, index) => index))('a graph (seed %i)', (seed) => {
  const graph = graphOf(seed)
  const layout = layOut(graph, gaps)
  const frames = graph.nodes.map(({ id, width, height }) => {
    const { x, y } = layout.nodes.get(id) ?? { x: NaN, y: NaN }
    return { id, left: x, right: x + width, top: y, bottom: y + height }
  })
  const frameOf = (id: string) => frames.find((each) => each.id === id)

  test('has all of its boxes within its size, and none over another', () => {
    for (const { left, right, top, bottom } of frames) {
      expect(left).toBeGreaterThanOrEqual(0)
      expect(top).toBeGreaterThanOrEqual(0)
      expect(right).toBeLessThanOrEqual(layout.width + 1)
      expect(bottom).toBeLessThanOrEqual(layout.height)
    }
    for (const [index, a] of frames.entries()) {
      for (const b of frames.slice(index + 1)) {
        const apart = a.right <= b.left || b.right <= a.left
        const stacked = a.bottom <= b.top || b.bottom <= a.top
        expect(apart || stacked, `${a.id} and ${b.id}`).toBe(true)
      }
    }
  })

  test('has lines that lead down, from the lower edge of one box to the upper edge of another', () => {
    for (const { id, from, to } of graph.edges) {
      const points = layout.edges.get(id) ?? []
      const [first, last] = [points[0], points.at(-1)]
      const [above, below] = [frameOf(from), frameOf(to)]
      expect(first?.y).toBe(above?.bottom)
      expect(last?.y).toBe(below?.top)
      for (const [end, box] of [
        [first, above],
        [last, below],
      ] as const) {
        expect(end?.x).toBeGreaterThanOrEqual(box?.left ?? NaN)
        expect(end?.x).toBeLessThanOrEqual(box?.right ?? NaN)
      }
      const ys = points.map(({ y }) => y)
      expect(ys).toEqual(ys.toSorted((left, right) => left - right))
    }
  })

  test('always has the same layout', () => {
    expect(layOut(graph, gaps)).toEqual(layout)
  })
})

test('lines that need not cross do not', () => {
  const names = ['a', 'b', 'c', 'd']
  const size = { width: 40, height: 20 }
  // Each in another order than that of the layer below.
  const graph: LayoutGraph = {
    nodes: [
      ...names.map((name) => ({ id: name, ...size })),
      ...names.toReversed().map((name) => ({ id: `${name}'`, ...size })),
    ],
    edges: names.map((name) => ({ id: name, from: name, to: `${name}'` })),
  }
  const { edges } = layOut(graph, gaps)
  for (const points of edges.values()) expect(new Set(points.map(({ x }) => x)).size).toBe(1)
})

test('a pinned node is in the first or the last layer', () => {
  const size = { width: 10, height: 10 }
  const { nodes } = layOut(
    {
      nodes: [
        { id: 'in', ...size, pin: 'first' },
        { id: 'a', ...size },
        { id: 'b', ...size },
        { id: 'out', ...size, pin: 'last' },
      ],
      edges: [
        { id: '1', from: 'a', to: 'b' },
        { id: '2', from: 'in', to: 'b' },
        { id: '3', from: 'a', to: 'out' },
      ],
    },
    gaps,
  )
  expect([nodes.get('in')?.y, nodes.get('out')?.y]).toEqual([0, 100])
})
