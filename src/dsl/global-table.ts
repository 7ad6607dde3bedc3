import type { GraphBuilder } from '../topology/graph-builder.ts'

/** What stands behind a global table. */
export interface GlobalFlow {
  readonly graph: GraphBuilder
  readonly store: string
}

/**
 * A topic that every thread keeps in full (Kafka Streams' GlobalKTable): a stream finds its rows by
 * any key that is in a record, whatever partition that is in. It has no updates to follow, so there
 * is nothing to do with it but join.
 */
export class GlobalTable<in K, out V> {
  /** @internal Holds the types. */
  declare readonly '~types'?: { readonly key: (key: K) => void; readonly value: V }
  /** @internal */
  readonly '~global': GlobalFlow

  constructor(flow: GlobalFlow) {
    this['~global'] = flow
  }
}
