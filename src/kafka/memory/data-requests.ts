import { topicPartitionKey } from '../../core/topic-partition.ts'
import type { KafkaPort, ProducePartition } from '../port.ts'
import { anyBroker, type ClientLine } from './client-line.ts'
import type { ClusterState } from './cluster-state.ts'
import { failedFetch, fetch } from './fetching.ts'
import { produce } from './producing.ts'
import { refusal } from './refusal.ts'

type DataRequests = Pick<KafkaPort, 'metadata' | 'fetch' | 'listOffsets' | 'produce'>

export const dataRequests = (state: ClusterState, line: ClientLine): DataRequests => ({
  metadata: (topics) =>
    line.send({ api: 'metadata', to: anyBroker, effect: () => state.topics.metadata(topics) }),

  fetch: (node, partitions, options) =>
    line.send({
      api: 'fetch',
      to: { node },
      partitions,
      effect: (ended) => fetch(state, node, partitions, options, ended),
      refused: (error) => partitions.map((partition) => failedFetch(partition, error)),
    }),

  listOffsets: (partitions, at, isolation) =>
    line.send({
      api: 'listOffsets',
      to: anyBroker,
      partitions,
      effect: () =>
        new Map(
          partitions.map((each) => {
            const { log, leader } = state.topics.partition(each)
            const key = topicPartitionKey(each.topic, each.partition)
            if (!state.brokers.isUp(leader)) throw refusal('LEADER_NOT_AVAILABLE', key)
            if (at === 'earliest') return [key, log.startOffset]
            return [key, at === 'latest' ? log.endFor(isolation) : log.offsetAt(at, isolation)]
          }),
        ),
    }),

  produce: (node, partitions, options) => {
    // The caller may fill its buffers again as soon as it has an answer, or none.
    const sent = partitions.map(copyOf)
    return line.send({
      api: 'produce',
      to: { node },
      partitions,
      transactionalId: options.transactionalId,
      effect: () => produce(state, node, sent.map(copyOf), options),
      refused: (error) =>
        partitions.map(({ topic, partition }) => ({ topic, partition, error, baseOffset: -1 })),
    })
  },
})

/** The cluster writes offsets into what it keeps, and may be sent the same request twice. */
const copyOf = (each: ProducePartition): ProducePartition => ({
  ...each,
  batch: new Uint8Array(each.batch),
})
