import { KafkaError, type FetchedPartition, type FetchOptions, type FetchRequest } from '../port.ts'
import type { ClusterState } from './cluster-state.ts'
import { answerLost, refusal } from './refusal.ts'

const nothing = new Uint8Array(0)

/**
 * One Fetch request at its broker: waits until there is enough, something is wrong, or time is
 * up.
 */
export async function fetch(
  state: ClusterState,
  node: number,
  partitions: readonly FetchRequest[],
  options: FetchOptions,
  ended: AbortSignal,
): Promise<readonly FetchedPartition[]> {
  const deadlineMs = state.clock.nowMs() + options.maxWaitMs
  for (;;) {
    const fetched = readAll(state, node, partitions, options)
    const bytes = fetched.reduce((sum, { batches }) => sum + batches.length, 0)
    const leftMs = deadlineMs - state.clock.nowMs()
    const isDone = bytes >= options.minBytes || fetched.some(({ error }) => error !== null)
    if (isDone || leftMs <= 0 || ended.aborted) return fetched
    await state.changes.wait(leftMs, ended)
    if (!state.brokers.isUp(node)) throw answerLost(`broker ${node} went down`)
  }
}

/**
 * The first partition with data gives one whole batch even where that is more than was asked for.
 */
function readAll(
  state: ClusterState,
  node: number,
  partitions: readonly FetchRequest[],
  options: FetchOptions,
): readonly FetchedPartition[] {
  let leftBytes = options.maxBytes
  let isFirst = true
  return partitions.map((request) => {
    const maxBytes = Math.min(request.maxBytes, leftBytes)
    const fetched = readOne(state, node, { ...request, maxBytes }, options, isFirst)
    if (fetched.batches.length > 0) isFirst = false
    leftBytes = Math.max(0, leftBytes - fetched.batches.length)
    return fetched
  })
}

function readOne(
  { topics }: ClusterState,
  node: number,
  { topic, partition, offset, maxBytes }: FetchRequest,
  { isolation }: FetchOptions,
  wholeFirst: boolean,
): FetchedPartition {
  try {
    const { log, leader } = topics.partition({ topic, partition })
    if (leader !== node) throw refusal('NOT_LEADER_OR_FOLLOWER', `broker ${leader} leads it`)
    return {
      topic,
      partition,
      error: null,
      highWatermark: log.endOffset,
      lastStableOffset: log.lastStableOffset,
      logStartOffset: log.startOffset,
      ...log.read(offset, maxBytes, isolation, wholeFirst),
    }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    return failedFetch({ topic, partition }, error)
  }
}

export const failedFetch = (
  { topic, partition }: { readonly topic: string; readonly partition: number },
  error: KafkaError,
): FetchedPartition => ({
  topic,
  partition,
  error,
  highWatermark: -1,
  lastStableOffset: -1,
  logStartOffset: -1,
  aborted: [],
  batches: nothing,
})
