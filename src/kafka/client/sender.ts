import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { Headers } from '../../core/record.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import {
  KafkaError,
  type Compression,
  type KafkaPort,
  type ProducedPartition,
  type ProducerIdentity,
} from '../port.ts'
import { BatchBuilder } from '../wire/batch-builder.ts'
import { answeredWithin } from './answered-within.ts'
import { NO_LEADER } from './assigned-partition.ts'
import type { OutgoingPartition } from './outgoing-partition.ts'
import { wasRefusedOrLost } from './retrying.ts'
import type { Transaction } from './transaction.ts'

/** What one request carries at most, so that its round trip stays short; a batch always fits. */
const REQUEST_BYTES_MAX = 8 * 1024 * 1024
const REST_INITIAL_MS = 2
const REST_MAX_MS = 500
/** Attempts in a row after which someone may want to know: some seconds. */
const FAILURES_TO_WARN = 12
/** Builders kept for reuse: their buffers have grown to what this application writes. */
const SPARE_BUILDERS_MAX = 16

export interface SenderOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly compression: Compression
  readonly lingerMs: number
  readonly batchBytesMax: number
  readonly requestTimeoutMs: number
  readonly deliveryTimeoutMs: number
  readonly transactionalId: string | null
  readonly transaction: Transaction | undefined
  readonly producer: ProducerIdentity
  /** The leader of a partition with records is not known. */
  readonly onLeaderMissing: (again: boolean) => void
  /** Records were acknowledged. */
  readonly onAcknowledged: () => void
  /** Records cannot be delivered: nothing more is sent. */
  readonly onFailed: (error: unknown) => void
}

/**
 * Batches records by partition and brings them to the leaders: one request in flight a broker, one
 * batch in flight a partition, the same bytes again until they are acknowledged.
 */
export class Sender {
  /** Of the transaction or epoch that is current: changes between transactions only. */
  producer: ProducerIdentity
  /** Appended and not yet acknowledged. */
  bufferedBytes = 0
  /** Of them those that only a flush sends. */
  heldBytes = 0
  readonly #options: SenderOptions
  readonly #active = new Set<OutgoingPartition>()
  readonly #inTransaction: OutgoingPartition[] = []
  readonly #busyNodes = new Set<number>()
  readonly #spareBuilders: BatchBuilder[] = []
  readonly #closing = new AbortController()
  /** Someone waits: batches go out before their time. */
  #pushing = false
  /** Since when what is held back may go; undefined while it may not. */
  #releasedAtMs: number | undefined
  #lingering = false
  #watching = false
  #addingPartitions = false
  #scheduled = false

  constructor(options: SenderOptions) {
    this.#options = options
    this.producer = options.producer
  }

  /** True when this record filled a batch. */
  append(
    target: OutgoingPartition,
    sizeBound: number,
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: Headers,
  ): boolean {
    let filled = false
    let builder = target.builder
    if (builder !== undefined && builder.sizeBytes + sizeBound > this.#options.batchBytesMax) {
      this.#seal(target)
      this.schedule()
      filled = true
      builder = undefined
    }
    const fresh = builder ?? this.#spareBuilders.pop() ?? new BatchBuilder()
    const before = fresh.sizeBytes
    // Throws for a timestamp that cannot be written: only after it is a batch open.
    fresh.append(timestampMs, key, value, headers)
    const added = fresh.sizeBytes - before
    this.bufferedBytes += added
    if (target.isHeldBack) this.heldBytes += added
    if (builder === undefined) this.#open(target, fresh)
    return filled
  }

  push(pushing: boolean): void {
    this.#pushing = pushing
    if (pushing) this.schedule()
  }

  /** Lets what is held back go, or no longer. */
  release(releasing: boolean): void {
    this.#releasedAtMs = releasing ? this.#options.clock.nowMs() : undefined
    if (releasing) this.schedule()
  }

  /** Looks soon which batches can go; changes that come together lead to one request a broker. */
  readonly schedule = (): void => {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      if (!this.#closing.signal.aborted) this.#sendAll()
    })
  }

  /** Drops what was never sent. Records in doubt are still brought to their leaders. */
  dropUnsent(): void {
    for (const partition of this.#active) {
      this.#settled(partition, partition.dropUnsent())
      if (partition.isEmpty) this.#active.delete(partition)
    }
  }

  /** The transaction is over. A bumped epoch starts all sequences anew (KIP-890). */
  nextTransaction(producer: ProducerIdentity, partitions: Iterable<OutgoingPartition>): void {
    for (const partition of this.#inTransaction) partition.inTransaction = false
    this.#inTransaction.length = 0
    const { producerId, epoch } = this.producer
    if (producer.producerId !== producerId || producer.epoch !== epoch) {
      for (const partition of partitions) partition.restartSequence()
    }
    this.producer = producer
  }

  close(): void {
    this.#closing.abort()
    this.#active.clear()
    this.bufferedBytes = 0
    this.heldBytes = 0
  }

  #open(target: OutgoingPartition, builder: BatchBuilder): void {
    target.open(builder, this.#options.clock.nowMs())
    this.#active.add(target)
    if (this.#pushing) this.schedule()
    else void this.#linger(this.#options.lingerMs)
    void this.#watchDeadlines()
    if (target.leader === NO_LEADER && !target.resting) this.#options.onLeaderMissing(false)
  }

  #seal(target: OutgoingPartition): void {
    const { compression, transactionalId } = this.#options
    const { producerId, epoch } = this.producer
    const transactional = transactionalId !== null
    const builder = target.seal({ producerId, epoch, compression, transactional })
    if (this.#spareBuilders.length < SPARE_BUILDERS_MAX) this.#spareBuilders.push(builder)
  }

  async #linger(ms: number): Promise<void> {
    if (this.#lingering) return
    this.#lingering = true
    await this.#options.clock.sleep(ms, this.#closing.signal)
    this.#lingering = false
    if (!this.#closing.signal.aborted) this.#sendAll()
  }

  /** Without it, records whose leader is never found would wait for ever. */
  async #watchDeadlines(): Promise<void> {
    if (this.#watching) return
    this.#watching = true
    const { clock, deliveryTimeoutMs } = this.#options
    let sleepMs = deliveryTimeoutMs
    while (this.#active.size > 0) {
      await clock.sleep(sleepMs, this.#closing.signal)
      if (this.#closing.signal.aborted) return
      const nowMs = clock.nowMs()
      sleepMs = deliveryTimeoutMs
      for (const partition of this.#active) {
        const sinceMs = this.#mayGoSinceMs(partition)
        if (sinceMs === undefined) continue
        const leftMs = sinceMs + deliveryTimeoutMs - nowMs
        if (leftMs <= 0) {
          this.#fail(undelivered(partition, deliveryTimeoutMs))
          return
        }
        sleepMs = Math.min(sleepMs, leftMs)
      }
    }
    this.#watching = false
  }

  #sendAll(): void {
    const nowMs = this.#options.clock.nowMs()
    const byNode = new Map<number, OutgoingPartition[]>()
    const unadded: OutgoingPartition[] = []
    const mustAdd = this.#options.transaction?.mustAddPartitions ?? false
    let dueInMs = Infinity
    for (const partition of this.#active) {
      if (partition.resting) continue
      const leftMs = this.#leftMs(partition, nowMs)
      if (leftMs > 0) {
        dueInMs = Math.min(dueInMs, leftMs)
      } else if (partition.leader === NO_LEADER) {
        this.#options.onLeaderMissing(false)
      } else if (mustAdd && !partition.inTransaction) {
        unadded.push(partition)
      } else if (!this.#busyNodes.has(partition.leader)) {
        const list = byNode.get(partition.leader)
        if (list === undefined) byNode.set(partition.leader, [partition])
        else list.push(partition)
      }
    }
    if (unadded.length > 0) void this.#addToTransaction(unadded)
    for (const [node, partitions] of byNode) void this.#send(node, partitions)
    if (dueInMs < Infinity) void this.#linger(dueInMs)
  }

  /** Until something of this partition is to be sent. */
  #leftMs(partition: OutgoingPartition, nowMs: number): number {
    if (this.#mayGoSinceMs(partition) === undefined) return Infinity
    if (partition.head !== undefined) return 0
    return this.#pushing ? 0 : partition.oldestMs + this.#options.lingerMs - nowMs
  }

  /** Undefined for what is held back. */
  #mayGoSinceMs(partition: OutgoingPartition): number | undefined {
    if (!partition.isHeldBack) return partition.oldestMs
    return this.#releasedAtMs && Math.max(this.#releasedAtMs, partition.oldestMs)
  }

  #settled(partition: OutgoingPartition, bytes: number): void {
    this.bufferedBytes -= bytes
    if (partition.isHeldBack) this.heldBytes -= bytes
  }

  async #addToTransaction(partitions: readonly OutgoingPartition[]): Promise<void> {
    if (this.#addingPartitions) return
    this.#addingPartitions = true
    try {
      await this.#options.transaction?.addPartitions(
        this.producer,
        partitions.map(({ topic, partition }) => ({ topic, partition })),
      )
      for (const partition of partitions) partition.inTransaction = true
      this.#inTransaction.push(...partitions)
    } catch (error) {
      this.#fail(error)
    }
    this.#addingPartitions = false
    this.schedule()
  }

  async #send(node: number, candidates: readonly OutgoingPartition[]): Promise<void> {
    const { port, clock, transactionalId, transaction, requestTimeoutMs } = this.#options
    let partitions: OutgoingPartition[] = []
    this.#busyNodes.add(node)
    transaction?.begin()
    try {
      partitions = this.#fillRequest(candidates)
      const requests = partitions.map((each) => ({
        topic: each.topic,
        partition: each.partition,
        batch: each.head!.bytes,
      }))
      const options = { transactionalId, acks: -1, timeoutMs: requestTimeoutMs } as const
      const answers = await answeredWithin(
        clock,
        requestTimeoutMs,
        port.produce(node, requests, options),
      )
      this.#busyNodes.delete(node)
      if (!this.#closing.signal.aborted) this.#settle(partitions, answers)
    } catch (error) {
      this.#busyNodes.delete(node)
      this.#retry(partitions, error)
    }
    this.schedule()
  }

  #fillRequest(candidates: readonly OutgoingPartition[]): OutgoingPartition[] {
    const partitions: OutgoingPartition[] = []
    let bytes = 0
    for (const partition of candidates) {
      if (partition.head === undefined) this.#seal(partition)
      const batch = partition.head!
      if (partitions.length > 0 && bytes + batch.bytes.length > REQUEST_BYTES_MAX) break
      bytes += batch.bytes.length
      partition.doubtful = true
      partitions.push(partition)
    }
    return partitions
  }

  #settle(partitions: readonly OutgoingPartition[], answers: readonly ProducedPartition[]): void {
    const byKey = new Map(answers.map((answer) => [keyOf(answer), answer]))
    const failures = new Map<unknown, OutgoingPartition[]>()
    let acknowledged = false
    for (const partition of partitions) {
      const answer = byKey.get(keyOf(partition))
      if (answer?.error === null) {
        this.#settled(partition, partition.acknowledge(answer.baseOffset).bufferedBytes)
        // To the end of the queue, so that a request that is full does not starve the others.
        this.#active.delete(partition)
        if (!partition.isEmpty) this.#active.add(partition)
        acknowledged = true
      } else {
        const error = answer?.error ?? unanswered(partition)
        const list = failures.get(error)
        if (list === undefined) failures.set(error, [partition])
        else list.push(partition)
      }
    }
    for (const [error, failed] of failures) this.#retry(failed, error)
    if (acknowledged) this.#options.onAcknowledged()
  }

  #retry(partitions: readonly OutgoingPartition[], error: unknown): void {
    if (this.#closing.signal.aborted) return
    if (!(error instanceof KafkaError) || !wasRefusedOrLost(error)) {
      this.#fail(error)
      return
    }
    const level = partitions.some((each) => each.failures === FAILURES_TO_WARN) ? 'warn' : 'debug'
    this.#options.logger[level](
      { code: error.code, partitions: partitions.map(keyOf) },
      'records were not acknowledged, sending them again',
    )
    void this.#rest(partitions, error)
  }

  async #rest(partitions: readonly OutgoingPartition[], error: KafkaError): Promise<void> {
    let failures = 0
    for (const partition of partitions) {
      partition.resting = true
      partition.lastFailure = error
      failures = Math.max(failures, partition.failures)
      partition.failures += 1
      if (error.kind !== 'retriable') partition.leader = NO_LEADER
    }
    const pauseMs = Math.min(REST_INITIAL_MS * 2 ** failures, REST_MAX_MS)
    await this.#options.clock.sleep(pauseMs, this.#closing.signal)
    for (const partition of partitions) partition.resting = false
    if (this.#closing.signal.aborted) return
    if (partitions.some(({ leader }) => leader === NO_LEADER)) this.#options.onLeaderMissing(true)
    // Another partition of the topic may have brought the leader along meanwhile.
    this.#sendAll()
  }

  #fail(error: unknown): void {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#options.onFailed(error)
  }
}

const keyOf = ({ topic, partition }: TopicPartition): string => topicPartitionKey(topic, partition)

const unanswered = (partition: OutgoingPartition): KafkaError =>
  new KafkaError('NETWORK', 'network', `the answer says nothing of ${keyOf(partition)}`)

const undelivered = (partition: OutgoingPartition, timeoutMs: number): KafkaError =>
  new KafkaError(
    'DELIVERY_TIMED_OUT',
    'network',
    `records of ${keyOf(partition)} were not acknowledged within ${timeoutMs} ms`,
    { cause: partition.lastFailure },
  )
