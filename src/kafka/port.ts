/**
 * What Millrace needs of Kafka, cut at protocol meaning: one method is one attempt at one request.
 * Retries, ordering, sequence numbers, the read-committed filter and the life of a group member are
 * ours and live in `kafka/client`. Adapters: `kafka/kafkajs` (real clusters) and `kafka/memory` (a
 * simulated one). Both pass `port.contract.ts`.
 */
import type { Offset } from '../core/record.ts'
import type { TopicPartition } from '../core/topic-partition.ts'

/**
 * What the caller may do about a failed request.
 * - `retriable`: nothing happened; the same request may be sent again after a pause.
 * - `network`: the answer is lost; whether the request took effect is unknown.
 * - `stale-metadata`: the partition leader moved; refresh metadata, then send again.
 * - `rejoin`: this member is not, or no longer, in this generation of the group.
 * - `fenced`: another producer took over the transactional id; this one must never be used again.
 * - `abortable`: the transaction can only be aborted.
 * - `fatal`: a bug, a refused permission or a bad configuration; sending again cannot help.
 */
export type KafkaErrorKind =
  'retriable' | 'network' | 'stale-metadata' | 'rejoin' | 'fenced' | 'abortable' | 'fatal'

export class KafkaError extends Error {
  /** Kafka's own name, for example `NOT_LEADER_OR_FOLLOWER`; `NETWORK` where no answer came. */
  readonly code: string
  readonly kind: KafkaErrorKind

  constructor(code: string, kind: KafkaErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'KafkaError'
    this.code = code
    this.kind = kind
  }
}

export type Isolation = 'read_committed' | 'read_uncommitted'
/** How batches of records are compressed. */
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

export interface Capabilities {
  /**
   * 2 (KIP-890): Produce and TxnOffsetCommit add themselves to the transaction, EndTxn bumps the
   * epoch.
   */
  readonly transactionVersion: 1 | 2
}

export interface TopicMetadata {
  /**
   * Another one when the topic is deleted and created again; empty where the cluster has none,
   * which is before Kafka 2.8.
   */
  readonly id: string
  readonly partitions: readonly { readonly id: number; readonly leader: number }[]
}

export interface FetchRequest extends TopicPartition {
  readonly offset: Offset
  readonly maxBytes: number
}

export interface FetchOptions {
  readonly isolation: Isolation
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
}

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: Offset
}

export interface FetchedPartition extends TopicPartition {
  readonly error: KafkaError | null
  readonly highWatermark: Offset
  readonly lastStableOffset: Offset
  readonly logStartOffset: Offset
  readonly aborted: readonly AbortedTransaction[]
  /**
   * Record batches (magic 2), one after the other, unfiltered: control batches, aborted ones, empty
   * ones and records below the offset asked for are all in it. The last one may be cut off.
   */
  readonly batches: Uint8Array
}

export interface ProducerIdentity {
  readonly producerId: number
  readonly epoch: number
}

export interface ProducePartition extends TopicPartition {
  /**
   * Exactly one whole record batch (magic 2), with producer id, epoch and base sequence written in.
   */
  readonly batch: Uint8Array
}

export interface ProduceOptions {
  readonly transactionalId: string | null
  readonly acks: -1 | 1
  readonly timeoutMs: number
}

export interface ProducedPartition extends TopicPartition {
  readonly error: KafkaError | null
  /**
   * Offset of the first record of the batch; -1 where the broker cannot tell (a known duplicate).
   */
  readonly baseOffset: Offset
}

export interface GroupMember {
  readonly groupId: string
  readonly memberId: string
  readonly generation: number
  readonly instanceId: string | null
}

export interface JoinRequest {
  readonly groupId: string
  /** Empty on the first join. */
  readonly memberId: string
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[]
  /** Why, for the coordinator's log (KIP-800). */
  readonly reason?: string
}

export interface JoinResponse {
  readonly member: GroupMember
  readonly leaderId: string
  readonly protocol: string
  /** Filled for the leader only. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Uint8Array }[]
}

export interface CommittedOffset extends TopicPartition {
  readonly offset: Offset
  readonly metadata: string
}

export interface FetchedOffset extends TopicPartition {
  /** Null where nothing was ever committed. */
  readonly offset: Offset | null
  readonly metadata: string
}

export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  /** -1 asks for the cluster's default. */
  readonly replicationFactor: number
  readonly configs: Readonly<Record<string, string>>
}

export interface GroupDescription {
  readonly groupId: string
  /** `Empty`, `Stable`, `PreparingRebalance`, `CompletingRebalance` or `Dead`. */
  readonly state: string
  readonly members: readonly {
    readonly memberId: string
    readonly clientId: string
    readonly host: string
  }[]
}

/** Every method rejects with a {@link KafkaError} and nothing else. */
export interface KafkaPort {
  readonly connect: () => Promise<void>
  /** Ends every connection; requests under way reject with kind `network`. */
  readonly close: () => Promise<void>
  /** Known after `connect`. */
  readonly capabilities: () => Capabilities

  /** Topics that do not exist are left out; `'all'` lists every topic. Always asks the cluster. */
  readonly metadata: (
    topics: readonly string[] | 'all',
  ) => Promise<ReadonlyMap<string, TopicMetadata>>

  /** One request to one broker; no answer within `maxWaitMs` is an empty answer, not an error. */
  readonly fetch: (
    node: number,
    partitions: readonly FetchRequest[],
    options: FetchOptions,
  ) => Promise<readonly FetchedPartition[]>
  /**
   * Offsets by {@link topicPartitionKey}; `latest` under `read_committed` is the last stable
   * offset. A time gives the first record at or after it, or null.
   */
  readonly listOffsets: (
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest' | number,
    isolation: Isolation,
  ) => Promise<ReadonlyMap<string, Offset | null>>

  /** One request to one broker, which must lead every partition named. */
  readonly produce: (
    node: number,
    partitions: readonly ProducePartition[],
    options: ProduceOptions,
  ) => Promise<readonly ProducedPartition[]>

  /**
   * Fences an earlier holder of the transactional id and ends its transaction; null gives an
   * idempotent producer.
   */
  readonly initProducerId: (
    transactionalId: string | null,
    transactionTimeoutMs: number,
  ) => Promise<ProducerIdentity>
  /** Transaction version 1 only. */
  readonly addPartitionsToTxn: (
    transactionalId: string,
    producer: ProducerIdentity,
    partitions: readonly TopicPartition[],
  ) => Promise<void>
  /** Transaction version 1 only. */
  readonly addOffsetsToTxn: (
    transactionalId: string,
    producer: ProducerIdentity,
    groupId: string,
  ) => Promise<void>
  /** KIP-447: refused with kind `rejoin` when the member or its generation is not the group's. */
  readonly txnOffsetCommit: (
    transactionalId: string,
    producer: ProducerIdentity,
    member: GroupMember,
    offsets: readonly CommittedOffset[],
  ) => Promise<void>
  /** Resolves to the identity of the next transaction: under version 2 the epoch is one higher. */
  readonly endTxn: (
    transactionalId: string,
    producer: ProducerIdentity,
    outcome: 'commit' | 'abort',
  ) => Promise<ProducerIdentity>

  /**
   * Answers `MEMBER_ID_REQUIRED` are resolved by the adapter: it joins again with the id it was
   * given.
   */
  readonly joinGroup: (request: JoinRequest) => Promise<JoinResponse>
  readonly syncGroup: (
    member: GroupMember,
    protocolType: string,
    protocol: string,
    assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[],
  ) => Promise<Uint8Array>
  readonly heartbeat: (member: GroupMember) => Promise<void>
  /** `reason`: for the coordinator's log (KIP-800). */
  readonly leaveGroup: (member: GroupMember, reason?: string) => Promise<void>
  /** A member, or an empty group from outside (`generation` -1 and an empty member id). */
  readonly offsetCommit: (member: GroupMember, offsets: readonly CommittedOffset[]) => Promise<void>
  /**
   * With `requireStable` an open transaction over an offset gives `UNSTABLE_OFFSET_COMMIT`
   * (retriable).
   */
  readonly offsetFetch: (
    groupId: string,
    partitions: readonly TopicPartition[],
    requireStable: boolean,
  ) => Promise<readonly FetchedOffset[]>

  /**
   * `TOPIC_ALREADY_EXISTS` is a fatal error here: the caller decides. Resolves when leaders are
   * elected.
   */
  readonly createTopics: (topics: readonly TopicSpec[]) => Promise<void>
  readonly describeConfigs: (
    topics: readonly string[],
  ) => Promise<ReadonlyMap<string, Readonly<Record<string, string>>>>
  /** Deletes all records before each offset. */
  readonly deleteRecords: (
    partitions: readonly (TopicPartition & { readonly before: Offset })[],
  ) => Promise<void>
  readonly deleteTopics: (topics: readonly string[]) => Promise<void>
  /**
   * As {@link TopicMetadata.id} names them: a topic that was created again under the same name is
   * another one. `UNKNOWN_TOPIC_ID` where it is gone.
   */
  readonly deleteTopicsById: (ids: readonly string[]) => Promise<void>
  readonly listGroups: () => Promise<readonly string[]>
  readonly describeGroup: (groupId: string) => Promise<GroupDescription>
  readonly deleteGroup: (groupId: string) => Promise<void>
}
