import type { Offset } from '../../core/record.ts'
import type { Compression } from '../../kafka/port.ts'

/** Whether a record counts once, or at least once, when something fails. */
export type Guarantee = 'exactly-once' | 'at-least-once'

/** What the threads of a process share between them. */
export interface MemoryShare {
  /** Bytes of state not yet in the local stores that force a commit and a checkpoint. */
  readonly dirtyBytesMax: number
  /** The record caches of all stores of this thread's tasks; 0 emits every update. */
  readonly cacheMaxBytes: number
  readonly readCacheMaxBytes: number
}

/** What one thread needs to know; plain data, so that it can be posted to a worker. */
export interface ThreadConfig extends MemoryShare {
  readonly applicationId: string
  /** The same for every thread of a process and over its restarts: it names the local state. */
  readonly processId: string
  readonly threadIndex: number
  readonly guarantee: Guarantee
  readonly commitIntervalMs: number
  /** How long the local stores may lag behind the commits, which are safe in Kafka. */
  readonly checkpointIntervalMs: number
  /**
   * How long a task with several inputs waits for one that is empty; 0: only for what is known to
   * be at the broker; -1: not at all.
   */
  readonly maxTaskIdleMs: number
  /** Produced bytes not yet acknowledged at which processing waits. */
  readonly sendBufferBytesMax: number
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly rebalanceTimeoutMs: number
  /** A loop that does not come round for so long leaves the group; so do its tasks. */
  readonly maxPollIntervalMs: number
  readonly transactionTimeoutMs: number
  /** Static membership (KIP-345); null: every start is a new member. */
  readonly instanceId: string | null
  readonly compression: Compression
  /** For internal topics; -1: the cluster's default. */
  readonly replicationFactor: number
  readonly lingerMs: number
  /** Copies of each task's state that other processes keep up to date. */
  readonly standbys: number
  /** Tasks of the group that may be warmed up at a time, before they move. */
  readonly maxWarmups: number
  /** Changelog records that a copy may lack and still be ready to take over. */
  readonly acceptableLag: number
  /** Where this process answers the group's queries, as `http://host:port`. */
  readonly server?: string | undefined
  /**
   * Where input partitions end for this application, by `topicPartitionKey`: what is behind is not
   * read. Others do not end.
   */
  readonly until?: Readonly<Record<string, Offset>>
}
