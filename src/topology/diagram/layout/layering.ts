import type { LayoutEdge, LayoutNode } from './graph.ts'

/**
 * A layer for each node, so that every edge goes down: as high as what leads there allows, but near
 * to what follows where nothing leads there.
 */
export function layersOf(
  nodes: readonly LayoutNode[],
  edges: readonly LayoutEdge[],
): ReadonlyMap<string, number> {
  const incoming = Map.groupBy(edges, ({ to }) => to)
  const outgoing = Map.groupBy(edges, ({ from }) => from)
  const layers = new Map<string, number>()
  const layerOf = (id: string): number => {
    const known = layers.get(id)
    if (known !== undefined) return known
    const above = (incoming.get(id) ?? []).map(({ from }) => layerOf(from))
    const layer = Math.max(-1, ...above) + 1
    layers.set(id, layer)
    return layer
  }
  for (const { id } of nodes) layerOf(id)
  for (const { id, pin } of nodes) {
    const below = (outgoing.get(id) ?? []).map(({ to }) => layerOf(to))
    if (pin === undefined && !incoming.has(id) && below.length > 0) {
      layers.set(id, Math.min(...below) - 1)
    }
  }
  const others = nodes.filter(({ pin }) => pin !== 'last').map(({ id }) => layerOf(id))
  for (const { id, pin } of nodes) {
    if (pin === 'first') layers.set(id, 0)
    if (pin === 'last') layers.set(id, Math.max(0, ...others) + 1)
  }
  return layers
}
