import type { Clock } from '../../core/clock.ts'
import { assert } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { systemRandom, type Random } from '../../core/random.ts'
import type { Headers, Offset } from '../../core/record.ts'
import type { TopicPartition } from '../../core/topic-partition.ts'
import {
  KafkaError,
  type CommittedOffset,
  type Compression,
  type GroupMember,
  type KafkaPort,
} from '../port.ts'
import { BatchBuilder } from '../wire/batch-builder.ts'
import { HEADER_BYTES } from '../wire/batch-format.ts'
import { answeredWithin } from './answered-within.ts'
import { inGenerationOf, noSuccessor, type SuccessorOf } from './generations.ts'
import type { OutgoingTopic } from './outgoing-topic.ts'
import { OutgoingTopics } from './outgoing-topics.ts'
import { closedError, noSuchPartition, tooLarge } from './producer-errors.ts'
import { repeating, retrying } from './retrying.ts'
import { Sender } from './sender.ts'
import { Transaction } from './transaction.ts'

const BATCH_BYTES_MAX = 512 * 1024
/** What a broker takes unless told otherwise (`max.message.bytes`) is a little more. */
const RECORD_BYTES_MAX = 1024 * 1024 - HEADER_BYTES
const REQUEST_TIMEOUT_MS = 30_000
const DELIVERY_TIMEOUT_MS = 120_000
/** An earlier transaction of this id may have to be ended first. */
const INIT_TIMEOUT_MS = 60_000

export interface RecordProducerOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly random?: Random
  /** Null: idempotent only. */
  readonly transactionalId: string | null
  readonly transactionTimeoutMs: number
  readonly compression: Compression
  readonly lingerMs: number
  /** Of one batch, which is of one partition, before compression. */
  readonly batchBytesMax?: number
  readonly recordBytesMax?: number
  readonly requestTimeoutMs?: number
  readonly deliveryTimeoutMs?: number
  /**
   * Topics whose records wait for a flush and are sent when all others are acknowledged. For
   * changelogs without transactions: what they say must not get ahead of the outputs.
   */
  readonly holdsBack?: (topic: string) => boolean
  /** Records were acknowledged, or the producer has failed: the loop may look. */
  readonly onProgress: () => void
}

interface Waiter {
  /** Wakes at this many unacknowledged bytes, not counting what is held back if so asked. */
  readonly bytes: number
  readonly withHeld: boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * An idempotent or transactional producer. What cannot be resolved makes it *failed for good*:
 * every method rejects with the failure from then on, and the caller makes a new one. A sequence
 * number or a transaction that is in doubt is so never used again.
 */
export class RecordProducer {
  readonly #options: RecordProducerOptions
  readonly #batchBytesMax: number
  readonly #recordBytesMax: number
  readonly #requestTimeoutMs: number
  readonly #deliveryTimeoutMs: number
  readonly #transaction: Transaction | undefined
  readonly #topics: OutgoingTopics
  #sender: Sender | undefined
  #lastTopic: OutgoingTopic | undefined
  #waiters: Waiter[] = []
  #failure: unknown
  /** Why nothing can be sent now: the failure, or a transaction that is being ended. */
  #refusal: unknown = new Error('assertion failed: a producer is initialised before it sends')

  constructor(options: RecordProducerOptions) {
    this.#options = options
    this.#batchBytesMax = options.batchBytesMax ?? BATCH_BYTES_MAX
    this.#recordBytesMax = options.recordBytesMax ?? RECORD_BYTES_MAX
    this.#requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
    this.#deliveryTimeoutMs = options.deliveryTimeoutMs ?? DELIVERY_TIMEOUT_MS
    const { transactionalId } = options
    if (transactionalId !== null) {
      const requestTimeoutMs = this.#requestTimeoutMs
      this.#transaction = new Transaction({ ...options, transactionalId, requestTimeoutMs })
    }
    this.#topics = new OutgoingTopics({
      ...options,
      random: options.random ?? systemRandom,
      holdsBack: options.holdsBack ?? (() => false),
      deliveryTimeoutMs: this.#deliveryTimeoutMs,
      onLoaded: (topics) => this.#unpark(topics),
      onFailed: (error) => this.#fail(error),
    })
  }

  /**
   * Fences an earlier producer of this transactional id. An open transaction of it is aborted, one
   * that was being committed is committed, before this resolves.
   */
  async init(): Promise<void> {
    this.#throwIfFailed()
    assert(this.#refusal !== undefined, 'a producer is initialised once')
    const { port, clock, transactionalId, transactionTimeoutMs } = this.#options
    const producer = await retrying(clock, repeating(INIT_TIMEOUT_MS), () =>
      this.#answered(port.initProducerId(transactionalId, transactionTimeoutMs)),
    )
    this.#throwIfFailed()
    this.#sender = new Sender({
      ...this.#options,
      producer,
      transaction: this.#transaction,
      batchBytesMax: this.#batchBytesMax,
      requestTimeoutMs: this.#requestTimeoutMs,
      deliveryTimeoutMs: this.#deliveryTimeoutMs,
      onLeaderMissing: (again) => this.#topics.findLeader(again),
      onAcknowledged: () => this.#acknowledged(),
      onFailed: (error) => this.#fail(error),
    })
    this.#transaction?.reset()
    this.#refusal = undefined
  }

  /**
   * Appends to the open batch of the partition; bytes are copied. Partition null: murmur2 of the
   * key, as Java does it, or any partition for a null key. Throws the failure once the producer has
   * failed, and `MESSAGE_TOO_LARGE` for a record that no broker takes, without harm to others.
   */
  send(
    topicName: string,
    partition: number | null,
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: Headers,
  ): void {
    if (this.#refusal !== undefined) throw this.#refusal
    let topic = this.#lastTopic
    if (topic === undefined || topic.name !== topicName) {
      topic = this.#topics.topic(topicName)
      this.#lastTopic = topic
    }
    const sizeBound = BatchBuilder.recordSizeBound(key, value, headers)
    if (sizeBound > this.#recordBytesMax) throw tooLarge(topicName, sizeBound, this.#recordBytesMax)
    if (!topic.isLoaded) {
      this.#topics.park(topic, partition, timestampMs, key, value, headers, sizeBound)
      return
    }
    this.#append(topic, partition, sizeBound, timestampMs, key, value, headers)
  }

  #append(
    topic: OutgoingTopic,
    partition: number | null,
    sizeBound: number,
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: Headers,
  ): void {
    const chosen = partition ?? topic.choose(key)
    const target = topic.partitions[chosen]
    if (target === undefined) throw noSuchPartition(topic, chosen)
    if (this.#sender!.append(target, sizeBound, timestampMs, key, value, headers)) {
      topic.turnFrom(chosen)
    }
  }

  /** Appended and not yet acknowledged. */
  get bufferedBytes(): number {
    return this.#topics.parkedBytes + (this.#sender?.bufferedBytes ?? 0)
  }

  /** Undefined until the topic's metadata is known. */
  partitionCount(topic: string): number | undefined {
    const known = this.#topics.find(topic)
    return known?.isLoaded === true ? known.partitions.length : undefined
  }

  /**
   * Loads the metadata of topics up front. Rejects with `TOPIC_MISSING` naming one that does not
   * exist.
   */
  async prepare(topics: readonly string[]): Promise<void> {
    this.#throwIfFailed()
    await Promise.all(topics.map((name) => this.#topics.topic(name).loaded))
  }

  /** Resolves once at most `bytes` are unacknowledged, and sends at once what that takes. */
  drainTo(bytes: number): Promise<void> {
    const mayBeHeld = this.#heldBytes + this.#topics.parkedBytes
    return mayBeHeld > bytes ? this.flush() : this.#drainTo(bytes, true)
  }

  /** Resolves when everything is acknowledged. */
  async flush(): Promise<void> {
    await this.#drainTo(0, false)
    if (this.#heldBytes === 0) return
    this.#sender?.release(true)
    try {
      await this.#drainTo(0, true)
    } finally {
      this.#sender?.release(false)
    }
  }

  #drainTo(bytes: number, withHeld: boolean): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#isDrained(bytes, withHeld)) return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiters.push({ bytes, withHeld, resolve, reject })
    this.#sender?.push(true)
    return promise
  }

  #isDrained(bytes: number, withHeld: boolean): boolean {
    return this.bufferedBytes - (withHeld ? 0 : this.#heldBytes) <= bytes
  }

  get #heldBytes(): number {
    return this.#sender?.heldBytes ?? 0
  }

  /**
   * Commits everything sent since the last commit and these offsets: atomically when transactional
   * (KIP-447), else the offsets after the records. A transaction without records and offsets is
   * none.
   *
   * The group may begin a new generation meanwhile; `successorOf` then tells in which one the
   * offsets are to be sent again. Rejects with a `KafkaError` of kind `rejoin` when it tells none,
   * `fenced` when another producer took over, and with {@link OUTCOME_UNKNOWN} (kind `network`)
   * when it may or may not be committed: then only a new producer's `init` decides.
   */
  async commit(
    offsets: readonly CommittedOffset[],
    member: GroupMember,
    successorOf: SuccessorOf = noSuccessor,
  ): Promise<void> {
    if (this.#transaction === undefined) {
      await this.flush()
      if (offsets.length === 0) return
      await inGenerationOf(member, successorOf, (each) => this.#commitOffsets(offsets, each))
      return
    }
    await this.#endTransaction(async (transaction, sender) => {
      await this.flush()
      await inGenerationOf(member, successorOf, (each) =>
        transaction.addOffsets(sender.producer, offsets, each),
      )
      return await transaction.commit(sender.producer)
    })
  }

  /**
   * Proves that whom this port takes for the group's coordinator is it, by a write that is aborted:
   * one that slept through its replacement still answers what it knew before. Transactional only.
   */
  async proveCoordinator(partition: TopicPartition, member: GroupMember): Promise<void> {
    await this.#endTransaction(async (transaction, { producer }) => {
      await transaction.addOffsets(producer, [{ ...partition, offset: 0, metadata: '' }], member)
      return await transaction.abort(producer)
    })
  }

  /**
   * Drops what was not sent and aborts what was. After a failure of kind `abortable` or `rejoin`
   * the producer can be used again; after any other this rejects with it.
   */
  async abort(): Promise<void> {
    const failure = this.#failure
    if (failure !== undefined) {
      if (!(failure instanceof KafkaError) || !isAbortable(failure)) throw failure
      return await this.#startAnew()
    }
    this.#topics.dropParked()
    this.#sender?.dropUnsent()
    if (this.#transaction === undefined) return await this.flush()
    await this.#endTransaction(async (transaction, sender) => {
      await this.flush()
      return await transaction.abort(sender.producer)
    })
  }

  /**
   * One past the last acknowledged record sent to this partition by this producer; undefined if
   * none. A lower one when a lost answer left the last offset unknown.
   */
  endOffset(topic: string, partition: number): Offset | undefined {
    return this.#topics.find(topic)?.partitions[partition]?.endOffset
  }

  /** Drops what is buffered; an open transaction is left to `init` of the next producer. */
  close(): Promise<void> {
    if (this.#failure === undefined) this.#fail(closedError())
    this.#topics.close()
    return Promise.resolve()
  }

  /** Aborts by a new identity, which also fences what may still be under way. */
  async #startAnew(): Promise<void> {
    this.#failure = undefined
    try {
      await this.init()
    } catch (error) {
      this.#fail(error)
      throw error
    }
  }

  async #endTransaction(
    end: (transaction: Transaction, sender: Sender) => Promise<Sender['producer']>,
  ): Promise<void> {
    this.#throwIfFailed()
    const transaction = this.#transaction
    const sender = this.#sender
    assert(transaction !== undefined && sender !== undefined, 'a producer is initialised first')
    assert(this.#refusal === undefined, 'one transaction is ended at a time')
    this.#refusal = new Error(
      'assertion failed: nothing is sent while a transaction is being ended',
    )
    try {
      const next = await end(transaction, sender)
      this.#throwIfFailed()
      sender.nextTransaction(next, this.#topics.partitions())
      this.#refusal = undefined
    } catch (error) {
      this.#fail(error)
      throw error
    }
  }

  /** Says the same each time, so it is sent again also when the answer was lost. */
  async #commitOffsets(offsets: readonly CommittedOffset[], member: GroupMember): Promise<void> {
    const { port, clock } = this.#options
    await retrying(clock, repeating(this.#requestTimeoutMs), () =>
      this.#answered(port.offsetCommit(member, offsets)),
    )
  }

  #answered<T>(request: Promise<T>): Promise<T> {
    return answeredWithin(this.#options.clock, this.#requestTimeoutMs, request)
  }

  #unpark(topics: readonly OutgoingTopic[]): void {
    try {
      for (const topic of topics) {
        for (const record of topic.parked.splice(0)) {
          this.#topics.parkedBytes -= record.bufferedBytes
          const { partition, bufferedBytes, timestampMs, key, value, headers } = record
          this.#append(topic, partition, bufferedBytes, timestampMs, key, value, headers)
        }
      }
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#sender?.schedule()
    // Parked records count for more than batched ones.
    this.#wakeWaiters()
  }

  #acknowledged(): void {
    this.#wakeWaiters()
    this.#options.onProgress()
  }

  #wakeWaiters(): void {
    if (this.#waiters.length === 0) return
    const waiting = this.#waiters
    this.#waiters = waiting.filter(({ bytes, withHeld }) => !this.#isDrained(bytes, withHeld))
    if (this.#waiters.length === 0) this.#sender?.push(false)
    for (const waiter of waiting) if (!this.#waiters.includes(waiter)) waiter.resolve()
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#refusal = error
    this.#sender?.close()
    this.#topics.forget(error)
    this.#lastTopic = undefined
    for (const { reject } of this.#waiters.splice(0)) reject(error)
    this.#options.onProgress()
  }
}

const isAbortable = ({ kind }: KafkaError): boolean => kind === 'abortable' || kind === 'rejoin'
