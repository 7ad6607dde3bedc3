import type { Clock } from '../../core/clock.ts'
import type { Offset } from '../../core/record.ts'
import type { TopicPartition } from '../../core/topic-partition.ts'
import type { FetchedOffset, Isolation, KafkaPort } from '../port.ts'
import { retrying, wasRefusedOrLost } from './retrying.ts'

const RETRY_INITIAL_MS = 5
const RETRY_MAX_MS = 100

/**
 * What the group has committed. An offset that an open transaction is about to move is waited for
 * (KIP-447, require-stable): reading it early would process records twice. Throws the last
 * `KafkaError` when that takes longer than `timeoutMs`.
 */
export const fetchCommittedOffsets = async (
  port: KafkaPort,
  clock: Clock,
  groupId: string,
  partitions: readonly TopicPartition[],
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<readonly FetchedOffset[]> =>
  partitions.length === 0
    ? []
    : await retrying(clock, readPolicy(timeoutMs), () =>
        port.offsetFetch(groupId, partitions, true),
      )

/** Offsets by `topicPartitionKey`, asked again after leader moves and lost answers. */
export const listOffsetsRetrying = async (
  port: KafkaPort,
  clock: Clock,
  partitions: readonly TopicPartition[],
  at: 'earliest' | 'latest' | number,
  isolation: Isolation,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<ReadonlyMap<string, Offset | null>> =>
  partitions.length === 0
    ? new Map()
    : await retrying(clock, readPolicy(timeoutMs), () =>
        port.listOffsets(partitions, at, isolation),
      )

const readPolicy = (timeoutMs: number) => ({
  initialMs: RETRY_INITIAL_MS,
  maxMs: RETRY_MAX_MS,
  timeoutMs,
  cures: wasRefusedOrLost,
})
