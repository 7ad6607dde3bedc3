import { merge } from '../operators/merge.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import { after, type Flow } from './flow.ts'

/** One flow of two. A serde that they do not have in common is not known afterwards. */
export function mergeFlows(left: Flow, right: Flow): Flow {
  const { graph, words } = left
  if (graph !== right.graph) {
    throw invalidTopology(
      'streams of two topologies are merged',
      'Merge streams of the builder that is at hand; topologies meet in topics.',
    )
  }
  // A step is led to once by each output, and a stream merged with itself gives every record twice.
  const same = left.from.node === right.from.node && left.from.output === right.from.output
  const other = same ? after(right, { operator: 'merge', create: merge }) : right
  const { name: node } = graph.addProcessor({
    operator: 'merge',
    inputs: [left.from, other.from],
    create: merge,
  })
  return {
    graph,
    words,
    from: { node, output: undefined },
    key: left.key === right.key ? left.key : undefined,
    value: left.value === right.value ? left.value : undefined,
    rekeyed: left.rekeyed || right.rekeyed,
  }
}
