import type { Capabilities, KafkaPort } from '../port.ts'
import type { Cluster } from './cluster.ts'
import { fetchRequest } from './requests/fetch.ts'
import { listOffsetsRequest } from './requests/list-offsets.ts'
import { produceRequest } from './requests/produce.ts'

/** What is asked of the leaders of partitions. */
export const partitionCalls = (
  cluster: Cluster,
  capabilities: () => Capabilities,
): Pick<KafkaPort, 'metadata' | 'fetch' | 'listOffsets' | 'produce'> => ({
  metadata: async (topics) => (await cluster.metadata(topics)).topics,

  fetch: (node, partitions, options) =>
    cluster.toNode(node, fetchRequest(partitions, options), 'fetch'),

  listOffsets: async (partitions, at, isolation) => {
    const answers = await cluster.toLeaders(partitions, (led) =>
      listOffsetsRequest(led, at, isolation),
    )
    return new Map(answers.flatMap((offsets) => [...offsets]))
  },

  produce: async (node, partitions, options) =>
    cluster.toNode(node, produceRequest(partitions, options, capabilities().transactionVersion)),
})
