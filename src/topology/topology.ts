import type { StoreSpec } from '../state/store-spec.ts'
import type {
  FailurePolicy,
  GlobalSubTopology,
  RepartitionTopic,
  SubTopology,
  TopicRef,
} from './graph.ts'

/**
 * What a module exports and every thread builds for itself. A value: building it opens no socket
 * and reads no clock. It is the only thing `dsl` and `runtime` share.
 */
export interface Topology {
  /** The default application id. */
  readonly name: string
  readonly subTopologies: readonly SubTopology[]
  readonly globals: readonly GlobalSubTopology[]
  /** Of tasks; those of `globals` are not among them. */
  readonly stores: ReadonlyMap<string, StoreSpec>
  readonly repartitions: ReadonlyMap<string, RepartitionTopic>
  readonly deadLetters: TopicRef | undefined
  readonly onFailure: FailurePolicy
  /** Equal for equal graphs: node names, kinds, topics, stores and serdes. */
  readonly fingerprint: string
}

/** A store of any kind, those that every thread keeps included. */
export const storeSpecOf = (topology: Topology, name: string): StoreSpec | undefined =>
  topology.stores.get(name) ?? topology.globals.find(({ store }) => store.name === name)?.store

export const storeNamesOf = ({ stores, globals }: Topology): readonly string[] => [
  ...stores.keys(),
  ...globals.map(({ store }) => store.name),
]
