import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { Offset } from '../../core/record.ts'
import { topicPartitionKey } from '../../core/topic-partition.ts'
import {
  KafkaError,
  type FetchedPartition,
  type Isolation,
  type KafkaPort,
  type TopicMetadata,
} from '../port.ts'
import { AssignedPartition, NO_LEADER, type Watermarks } from './assigned-partition.ts'
import { BatchRun } from './batch-run.ts'
import { MetadataLoop } from './metadata-loop.ts'
import { readableBatches } from './readable-batches.ts'
import type { RecordRun } from './record-run.ts'

const BUFFER_BYTES_MAX = 32 * 1024 * 1024
const PARTITION_BYTES_MAX = 1024 * 1024
const MAX_WAIT_MS = 500
/** How long a poll waits after something changed that it does not know of; doubles from here. */
const PATIENCE_INITIAL_MS = 10
const REST_INITIAL_MS = 20
const REST_MAX_MS = 1_000
/** Attempts in a row after which someone may want to know: some seconds. */
const FAILURES_TO_WARN = 10

export interface FetcherOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly isolation: Isolation
  /** Something arrived or failed: the loop may look. */
  readonly onArrival: () => void
  /**
   * What all partitions together may hold untaken; a single larger batch may exceed it, and what
   * somebody waits for.
   */
  readonly bufferBytesMax?: number
  /** A partition that holds as much is not asked for until something of it is taken. */
  readonly partitionBytesMax?: number
  readonly maxWaitMs?: number
}

/** What goes on between us and one broker. */
interface Poll {
  underWay: boolean
  /**
   * What a poll is asked to wait at most. A broker answers one poll after the other, so a partition
   * that joins (newly assigned, or with room again) waits for the poll under way. Hence polls are
   * short after such a change and become long when nothing changes.
   */
  patienceMs: number
}

/**
 * Reads assigned partitions ahead, for others to take when they are ready: one long poll a broker
 * over all of its partitions that have room.
 */
export class Fetcher {
  readonly #options: FetcherOptions
  readonly #bufferBytesMax: number
  readonly #partitionBytesMax: number
  readonly #maxWaitMs: number
  readonly #metadata: MetadataLoop
  readonly #closing = new AbortController()
  readonly #byTopic = new Map<string, Map<number, AssignedPartition>>()
  /**
   * In the order in which they are asked for: a broker fills its answer from the front, and gives
   * the first one a whole batch however large it is. Who got something goes to the end.
   */
  readonly #assigned = new Set<AssignedPartition>()
  readonly #polls = new Map<number, Poll>()
  #untakenBytes = 0
  /** What the polls under way may bring. */
  #askedBytes = 0
  /** A broker was not asked because the buffer is full. */
  #starved = false
  #scheduled = false

  constructor(options: FetcherOptions) {
    this.#options = options
    this.#bufferBytesMax = options.bufferBytesMax ?? BUFFER_BYTES_MAX
    this.#partitionBytesMax = options.partitionBytesMax ?? PARTITION_BYTES_MAX
    this.#maxWaitMs = options.maxWaitMs ?? MAX_WAIT_MS
    this.#metadata = new MetadataLoop({
      ...options,
      wanted: () => this.#topicsWithoutLeader(),
      onFound: (_, found) => this.#setLeaders(found),
      onRefused: (topic, error) => this.#refuseTopic(topic, error),
    })
  }

  /**
   * Starts fetching from there; what was fetched of the partition before is forgotten. With `until`
   * the partition ends there, for whoever reads it.
   */
  assign(topic: string, partition: number, position: Offset, until: Offset = Infinity): void {
    this.unassign(topic, partition)
    const assigned = new AssignedPartition(topic, partition, position, until)
    if (assigned.isAtEnd) assigned.watermarks = endingAt(position, this.#options.clock.nowMs())
    let partitions = this.#byTopic.get(topic)
    if (partitions === undefined) this.#byTopic.set(topic, (partitions = new Map()))
    partitions.set(partition, assigned)
    this.#assigned.add(assigned)
    this.#metadata.look()
  }

  /** Data under way for it is dropped. */
  unassign(topic: string, partition: number): void {
    const assigned = this.#find(topic, partition)
    if (assigned === undefined) return
    this.#byTopic.get(topic)?.delete(partition)
    this.#assigned.delete(assigned)
    this.#freed(assigned, assigned.untakenBytes)
  }

  /**
   * The next run of this partition, or undefined when none has arrived. Throws what stopped this
   * partition (a `KafkaError` such as `OFFSET_OUT_OF_RANGE`, or `RECORD_BATCH_CORRUPTED`) until it
   * is assigned again.
   */
  take(topic: string, partition: number): RecordRun | undefined {
    const assigned = this.#find(topic, partition)
    const run = assigned?.take()
    if (assigned === undefined) return undefined
    if (run !== undefined) this.#freed(assigned, run.sizeBytes)
    else if (!assigned.awaited) {
      assigned.awaited = true
      if (this.#starved) this.#schedule()
    }
    return run
  }

  /** As of the last answer for this partition; undefined before the first one. */
  watermarks(topic: string, partition: number): Watermarks | undefined {
    return this.#find(topic, partition)?.watermarks
  }

  /** Of this partition, fetched and not taken yet. */
  bufferedBytes(topic: string, partition: number): number {
    return this.#find(topic, partition)?.untakenBytes ?? 0
  }

  /** Answers under way are dropped when they come. */
  close(): Promise<void> {
    this.#closing.abort()
    this.#metadata.close()
    this.#byTopic.clear()
    this.#assigned.clear()
    this.#untakenBytes = 0
    return Promise.resolve()
  }

  #find(topic: string, partition: number): AssignedPartition | undefined {
    return this.#byTopic.get(topic)?.get(partition)
  }

  #freed(assigned: AssignedPartition, bytes: number): void {
    this.#untakenBytes -= bytes
    if (assigned.leftOut && assigned.isFetchable) {
      this.#pollOf(assigned.leader).patienceMs = PATIENCE_INITIAL_MS
      this.#schedule()
    } else if (this.#starved) {
      this.#schedule()
    }
  }

  #topicsWithoutLeader(): string[] {
    const topics = new Set<string>()
    for (const each of this.#assigned) if (each.isWaitingForLeader) topics.add(each.topic)
    return [...topics]
  }

  #setLeaders(found: ReadonlyMap<string, TopicMetadata>): void {
    for (const assigned of this.#assigned) {
      if (!assigned.isWaitingForLeader) continue
      const topic = found.get(assigned.topic)
      const leader = topic?.partitions.find(({ id }) => id === assigned.partition)?.leader
      if (leader === undefined || leader < 0) continue
      assigned.leader = leader
      this.#pollOf(leader).patienceMs = PATIENCE_INITIAL_MS
    }
    this.#schedule()
  }

  #refuseTopic(topic: string, error: KafkaError): void {
    for (const assigned of this.#byTopic.get(topic)?.values() ?? []) assigned.failure ??= error
    this.#options.onArrival()
  }

  #pollOf(node: number): Poll {
    let poll = this.#polls.get(node)
    if (poll === undefined) {
      poll = { underWay: false, patienceMs: PATIENCE_INITIAL_MS }
      this.#polls.set(node, poll)
    }
    return poll
  }

  /** Changes that come together lead to one request. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      if (!this.#closing.signal.aborted) this.#pollAll()
    })
  }

  #pollAll(): void {
    const byNode = new Map<number, AssignedPartition[]>()
    for (const assigned of this.#assigned) {
      if (!assigned.isFetchable) continue
      const list = byNode.get(assigned.leader)
      if (list === undefined) byNode.set(assigned.leader, [assigned])
      else list.push(assigned)
    }
    this.#starved = false
    for (const [node, partitions] of byNode) {
      const poll = this.#pollOf(node)
      if (poll.underWay) continue
      const withRoom = partitions.filter((each) => this.#hasRoom(each, poll))
      if (withRoom.length > 0) this.#pollWithinBounds(node, poll, withRoom, byNode.size)
    }
  }

  #hasRoom(assigned: AssignedPartition, poll: Poll): boolean {
    const hasRoom = assigned.untakenBytes < this.#partitionBytesMax
    if (!hasRoom && !assigned.leftOut) poll.patienceMs = PATIENCE_INITIAL_MS
    assigned.leftOut = !hasRoom
    return hasRoom
  }

  /**
   * Each broker gets its share of the buffer, so that an idle one does not starve the others. With
   * a full buffer, what is awaited is asked for still, a little at a time: the rest may not be
   * taken before it comes.
   */
  #pollWithinBounds(
    node: number,
    poll: Poll,
    partitions: readonly AssignedPartition[],
    nodes: number,
  ): void {
    const share = Math.ceil(this.#bufferBytesMax / nodes)
    const left = this.#bufferBytesMax - this.#untakenBytes - this.#askedBytes
    if (left < Math.min(share, this.#partitionBytesMax)) {
      this.#starved = true
      const awaited = partitions.filter((each) => each.awaited)
      if (awaited.length > 0) void this.#poll(node, poll, awaited, this.#partitionBytesMax)
      return
    }
    const wanted = partitions.length * this.#partitionBytesMax
    void this.#poll(node, poll, partitions, Math.min(wanted, share, left))
  }

  async #poll(
    node: number,
    poll: Poll,
    partitions: readonly AssignedPartition[],
    maxBytes: number,
  ): Promise<void> {
    const { port, isolation } = this.#options
    const requests = partitions.map((each) => ({
      topic: each.topic,
      partition: each.partition,
      offset: each.position,
      maxBytes: this.#partitionBytesMax,
    }))
    const maxWaitMs = Math.min(poll.patienceMs, this.#maxWaitMs)
    poll.underWay = true
    this.#askedBytes += maxBytes
    try {
      const options = { isolation, maxWaitMs, minBytes: 1, maxBytes }
      this.#accept(partitions, await port.fetch(node, requests, options))
    } catch (error) {
      this.#failed(partitions, error)
    }
    poll.underWay = false
    poll.patienceMs = Math.min(poll.patienceMs * 2, this.#maxWaitMs)
    this.#askedBytes -= maxBytes
    this.#schedule()
  }

  #accept(partitions: readonly AssignedPartition[], answers: readonly FetchedPartition[]): void {
    const asked = new Set(partitions)
    const troubled: AssignedPartition[] = []
    let news = false
    for (const answer of answers) {
      const assigned = this.#find(answer.topic, answer.partition)
      // Assigned anew since the request was sent: what came is not what is wanted now.
      if (assigned === undefined || !asked.has(assigned)) continue
      if (answer.error === null) {
        if (this.#acceptBatches(assigned, answer)) news = true
      } else if (isPassing(answer.error)) {
        troubled.push(assigned)
        this.#note([assigned], answer.error)
      } else {
        assigned.failure = answer.error
        news = true
      }
    }
    if (troubled.length > 0) void this.#rest(troubled)
    if (news) this.#options.onArrival()
  }

  /** True when there is something to take. */
  #acceptBatches(assigned: AssignedPartition, answer: FetchedPartition): boolean {
    const { until } = assigned
    assigned.failures = 0
    const before = assigned.watermarks
    assigned.watermarks = {
      highWatermark: Math.min(answer.highWatermark, until),
      lastStableOffset: Math.min(answer.lastStableOffset, until),
      logStartOffset: answer.logStartOffset,
      heardMs: this.#options.clock.nowMs(),
    }
    if (answer.batches.length === 0) return before === undefined
    const { topic, partition, position: startOffset } = assigned
    const bytes = unpinned(answer.batches)
    const { isolation } = this.#options
    const found = readableBatches(bytes, startOffset, answer.aborted, isolation)
    assigned.failure = found.corruption
    // Not one whole batch: it comes when this partition has moved to the front (KIP-74).
    if (found.endOffset === startOffset) return found.corruption !== undefined
    const { batches } = found
    const endOffset = Math.min(found.endOffset, until)
    assigned.position = endOffset
    assigned.arrived(new BatchRun({ topic, partition, bytes, batches, startOffset, endOffset }))
    this.#untakenBytes += bytes.length
    this.#assigned.delete(assigned)
    this.#assigned.add(assigned)
    return true
  }

  #failed(partitions: readonly AssignedPartition[], error: unknown): void {
    if (this.#closing.signal.aborted) return
    const still = partitions.filter((each) => this.#assigned.has(each))
    if (error instanceof KafkaError && isPassing(error)) {
      this.#note(still, error)
      void this.#rest(still)
      return
    }
    for (const each of still) each.failure = error
    this.#options.onArrival()
  }

  #note(partitions: readonly AssignedPartition[], error: KafkaError): void {
    const level = partitions.some((each) => each.failures === FAILURES_TO_WARN) ? 'warn' : 'debug'
    this.#options.logger[level](
      { code: error.code, partitions: partitions.map(named) },
      'not fetched, trying again',
    )
  }

  /** After a failure that may pass: a pause, then whoever leads them by then. */
  async #rest(partitions: readonly AssignedPartition[]): Promise<void> {
    let failures = 0
    for (const each of partitions) {
      each.resting = true
      each.leader = NO_LEADER
      failures = Math.max(failures, each.failures)
      each.failures += 1
    }
    const pauseMs = Math.min(REST_INITIAL_MS * 2 ** failures, REST_MAX_MS)
    await this.#options.clock.sleep(pauseMs, this.#closing.signal)
    for (const each of partitions) each.resting = false
    this.#metadata.look()
  }
}

const endingAt = (offset: Offset, heardMs: number): Watermarks => ({
  highWatermark: offset,
  lastStableOffset: offset,
  logStartOffset: 0,
  heardMs,
})

const isPassing = ({ kind }: KafkaError): boolean =>
  kind === 'retriable' || kind === 'stale-metadata' || kind === 'network'

const named = ({ topic, partition }: AssignedPartition): string =>
  topicPartitionKey(topic, partition)

/** A few bytes must not keep the whole answer of a broker in memory until they are read. */
const unpinned = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer.byteLength > 2 * bytes.length ? new Uint8Array(bytes) : bytes
