import type { Serde } from '../../serde/serde.ts'
import { string } from '../../serde/string.ts'
import { GraphBuilder } from '../../topology/graph-builder.ts'
import type { NodeInput } from '../../topology/graph.ts'
import { keyValueStore, type KeyValueStoreOptions } from '../../topology/key-value-store.ts'
import type { Topology } from '../../topology/topology.ts'

/** What a graph holds of a serde, once the DSL has checked its type. */
const text = string as unknown as Serde<unknown>

/** A graph for the tests of this folder: its shape counts, what its steps do does not. */
export class TestGraph {
  readonly #builder: GraphBuilder

  constructor(builder: GraphBuilder) {
    this.#builder = builder
  }

  read(topic: string | RegExp): NodeInput {
    return this.#source(
      topic instanceof RegExp ? topic : [{ name: topic, internal: false }],
      'stream',
    )
  }

  /** One step with a store, fed by all of these. */
  keep(
    store: string,
    inputs: readonly NodeInput[],
    options: Partial<KeyValueStoreOptions<unknown, unknown>> = {},
  ): NodeInput {
    this.#builder.addStore(keyValueStore(store, { key: text, value: text, ...options }))
    const { name } = this.#builder.addProcessor({
      operator: 'keep',
      name: `keep-${store}`,
      inputs,
      stores: [store],
      create: () => ({ process: () => {} }),
    })
    return { node: name, output: undefined }
  }

  repartition(input: NodeInput, name: string, partitions?: number): NodeInput {
    const topic = this.#builder.addRepartition({ name, partitions })
    this.#builder.addSink({
      inputs: [input],
      target: { topic, key: text, value: text },
      partition: undefined,
    })
    return this.#source([topic], 'repartition')
  }

  #source(
    topics: Parameters<GraphBuilder['addSource']>[0]['topics'],
    readAs: 'stream' | 'repartition',
  ): NodeInput {
    return this.#builder.addSource({
      topics,
      readAs,
      key: text,
      value: text,
      timestamp: undefined,
      reset: 'earliest',
      onBadRecord: undefined,
    })
  }
}

export function testTopology(draw: (graph: TestGraph) => void): Topology {
  const builder = new GraphBuilder({ name: 'shop', deadLetters: undefined, onFailure: 'stop' })
  draw(new TestGraph(builder))
  return builder.build()
}
