import {
  KafkaError,
  type ProducedPartition,
  type ProduceOptions,
  type ProducePartition,
} from '../port.ts'
import { RecordCursor } from '../wire/batch-reader.ts'
import type { ClusterState } from './cluster-state.ts'
import { refusal } from './refusal.ts'
import { storedBatch, type StoredBatch } from './stored-batch.ts'
import { joinTransaction } from './transaction-requests.ts'

/** One Produce request at its broker: each partition succeeds or fails on its own. */
export function produce(
  state: ClusterState,
  node: number,
  partitions: readonly ProducePartition[],
  options: ProduceOptions,
): readonly ProducedPartition[] {
  const produced = partitions.map((each): ProducedPartition => {
    const { topic, partition } = each
    try {
      return { topic, partition, error: null, baseOffset: appendTo(state, node, each, options) }
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      return { topic, partition, error, baseOffset: -1 }
    }
  })
  state.changes.notify()
  return produced
}

function appendTo(
  state: ClusterState,
  node: number,
  { topic, partition, batch }: ProducePartition,
  { transactionalId }: ProduceOptions,
): number {
  const { topics } = state
  const { log, leader } = topics.partition({ topic, partition })
  if (leader !== node) throw refusal('NOT_LEADER_OR_FOLLOWER', `broker ${leader} leads it`)
  const stored = storedBatch(batch)
  checkRecords(state, topic, stored)
  const { header } = stored
  if (header.transactional) {
    if (transactionalId === null) {
      throw refusal('TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'there is no transactional id')
    }
    if (!log.hasOpenTransaction(header)) {
      log.announce(stored)
      joinTransaction(state, transactionalId, header, { type: 'partition', topic, partition })
    }
  }
  const isAppendTime = topics.config(topic, 'message.timestamp.type') === 'LogAppendTime'
  return (
    log.offsetOfDuplicate(stored) ?? log.append(stored, isAppendTime ? state.clock.nowMs() : null)
  )
}

function checkRecords({ topics, clock }: ClusterState, topic: string, batch: StoredBatch): void {
  const { header, bytes } = batch
  if (header.control || header.recordCount === 0) {
    throw refusal('INVALID_RECORD', 'a producer sends records, not markers')
  }
  if (bytes.length > Number(topics.config(topic, 'max.message.bytes'))) {
    throw refusal('MESSAGE_TOO_LARGE', `${bytes.length} bytes are more than the topic takes`)
  }
  const aheadMaxMs = Number(topics.config(topic, 'message.timestamp.after.max.ms') || Infinity)
  if (header.maxTimestampMs - clock.nowMs() > aheadMaxMs) {
    throw refusal('INVALID_TIMESTAMP', 'a record is too far in the future')
  }
  if (!topics.config(topic, 'cleanup.policy').includes('compact')) return
  const records = new RecordCursor(bytes, 0, header)
  while (records.next()) {
    if (records.key === null) throw refusal('INVALID_RECORD', 'a compacted topic needs keys')
  }
}
