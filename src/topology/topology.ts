import type { StoreSpec } from '../state/store-spec.ts'
import type { FailurePolicy, RepartitionTopic, SubTopology, TopicRef } from './graph.ts'

/**
 * What a module exports and every thread builds for itself. A value: building it opens no socket
 * and reads no clock. It is the only thing `dsl` and `runtime` share.
 */
export interface Topology {
  /** The default application id. */
  readonly name: string
  readonly subTopologies: readonly SubTopology[]
  readonly stores: ReadonlyMap<string, StoreSpec>
  readonly repartitions: ReadonlyMap<string, RepartitionTopic>
  readonly deadLetters: TopicRef | undefined
  readonly onFailure: FailurePolicy
  /** Equal for equal graphs: node names, kinds, topics, stores and serdes. */
  readonly fingerprint: string
}
