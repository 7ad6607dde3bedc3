import { KafkaError, type KafkaPort } from '../../kafka/port.ts'

/**
 * The same cluster, until the signal aborts: then every request fails at once, those under way too,
 * and for good, so that nothing is tried again. What was sent may still arrive.
 */
export function endablePort(port: KafkaPort, ended: AbortSignal): KafkaPort {
  const gated =
    <A extends readonly unknown[], T>(request: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      if (ended.aborted) throw threadEnded()
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      const onEnd = (): void => reject(threadEnded())
      ended.addEventListener('abort', onEnd)
      try {
        request(...args).then(resolve, reject)
        return await promise
      } finally {
        ended.removeEventListener('abort', onEnd)
      }
    }
  return {
    connect: gated(port.connect),
    close: port.close,
    capabilities: port.capabilities,
    metadata: gated(port.metadata),
    fetch: gated(port.fetch),
    listOffsets: gated(port.listOffsets),
    produce: gated(port.produce),
    initProducerId: gated(port.initProducerId),
    addPartitionsToTxn: gated(port.addPartitionsToTxn),
    addOffsetsToTxn: gated(port.addOffsetsToTxn),
    txnOffsetCommit: gated(port.txnOffsetCommit),
    endTxn: gated(port.endTxn),
    joinGroup: gated(port.joinGroup),
    syncGroup: gated(port.syncGroup),
    heartbeat: gated(port.heartbeat),
    leaveGroup: gated(port.leaveGroup),
    offsetCommit: gated(port.offsetCommit),
    offsetFetch: gated(port.offsetFetch),
    createTopics: gated(port.createTopics),
    describeConfigs: gated(port.describeConfigs),
    deleteRecords: gated(port.deleteRecords),
    deleteTopics: gated(port.deleteTopics),
    deleteTopicsById: gated(port.deleteTopicsById),
    listGroups: gated(port.listGroups),
    describeGroup: gated(port.describeGroup),
    deleteGroup: gated(port.deleteGroup),
  }
}

const threadEnded = (): KafkaError =>
  new KafkaError('THREAD_ENDED', 'fatal', 'the thread no longer waits for Kafka')
