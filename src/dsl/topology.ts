import { GraphBuilder } from '../topology/graph-builder.ts'
import type { FailurePolicy } from '../topology/graph.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import type { Topic } from '../topology/topic.ts'
import type { Topology } from '../topology/topology.ts'
import { TopologyBuilder } from './builder.ts'

/** What a topology does with records that fail. */
export interface TopologyOptions {
  /** Where records go that failed, in the same transaction as the offset that passes them. */
  readonly deadLetters?: Topic<Uint8Array, Uint8Array>
  /** `dead-letter` where there is a topic for it, else `stop`. */
  readonly onFailure?: FailurePolicy
}

type Build = (builder: TopologyBuilder) => void

/**
 * A topology as a value, to be the default export of a module. Building opens no socket and reads
 * no clock; it throws `INVALID_TOPOLOGY` where steps do not fit. The name is the application id by
 * default, which is the prefix of every internal topic.
 */
export function topology(name: string, build: Build): Topology
export function topology(name: string, options: TopologyOptions, build: Build): Topology
export function topology(name: string, ...rest: [Build] | [TopologyOptions, Build]): Topology {
  const [options, build] = rest.length === 1 ? [{}, rest[0]] : rest
  const { deadLetters, onFailure = deadLetters === undefined ? 'stop' : 'dead-letter' } = options
  const graph = new GraphBuilder({
    name,
    deadLetters: deadLetters && Object.freeze({ name: deadLetters.name, internal: false }),
    onFailure,
  })
  const result: unknown = build(new TopologyBuilder(graph))
  if (result instanceof Promise) {
    result.catch(() => {})
    throw invalidTopology(
      `topology "${name}" is built by an async function`,
      'Fetch what it needs before topology() is called: every thread builds it again.',
    )
  }
  return graph.build()
}
