import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { TopicPartition } from '../../core/topic-partition.ts'
import { RecordProducer } from '../../kafka/client/producer.ts'
import { retrying, wasRefusedOrLost } from '../../kafka/client/retrying.ts'
import type { GroupMember, KafkaPort } from '../../kafka/port.ts'
import { changelogTopic } from '../../state/changelog/changelog-topic.ts'
import { topicName } from '../../topology/graph.ts'
import type { Topology } from '../../topology/topology.ts'
import { threadName, transactionalIdOf, type ThreadName } from '../assignment/thread-name.ts'
import { reactionTo } from '../reaction.ts'
import type { RecordCollector } from '../task/record-collector.ts'
import type { ThreadConfig } from './thread-config.ts'

/** Time enough to find out that a topic does not exist. */
const DELIVERY_TIMEOUT_MIN_MS = 5_000
const RETRY_INITIAL_MS = 100
/** Where it takes longer, the transaction has timed out anyway. */
const FENCING = { initialMs: 5, maxMs: 100, timeoutMs: 10_000, cures: wasRefusedOrLost }
const RETRY_MAX_MS = 5_000

export interface OutgoingOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly config: ThreadConfig
  readonly topology: Topology
  /** Aborts when the thread is to stop: then nobody waits for Kafka to be there. */
  readonly stopping: AbortSignal
  /** Records were acknowledged, or the producer has failed: the loop may look. */
  readonly onProgress: () => void
}

/** All that a thread sends: by one producer, which is thrown away after any failure. */
export class Outgoing {
  readonly #options: OutgoingOptions
  /** For tasks; stays the same when the producer is another one. */
  readonly collector: RecordCollector
  #producer: RecordProducer
  #backedUp = false

  constructor(options: OutgoingOptions) {
    this.#options = options
    this.#producer = this.#newProducer()
    this.collector = {
      partitionCount: (topic) => this.#producer.partitionCount(topic),
      send: (topic, partition, timestampMs, key, value, headers) =>
        this.#producer.send(topic, partition, timestampMs, key, value, headers),
    }
  }

  get producer(): RecordProducer {
    return this.#producer
  }

  get #isTransactional(): boolean {
    return this.#options.config.guarantee === 'exactly-once'
  }

  #newProducer(): RecordProducer {
    const { config, topology } = this.#options
    const { applicationId, transactionTimeoutMs } = config
    const common = { ...config, ...this.#options }
    if (this.#isTransactional) {
      const transactionalId = transactionalIdOf(applicationId, threadName(config))
      // A transaction that is older than its time-out is aborted whatever we do.
      const deliveryTimeoutMs = Math.max(transactionTimeoutMs, DELIVERY_TIMEOUT_MIN_MS)
      return new RecordProducer({ ...common, transactionalId, deliveryTimeoutMs })
    }
    // Outputs before changes of state: see
    // docs/decisions/0004-at-least-once-sends-outputs-before-changes.md.
    const changelogs = new Set(
      [...topology.stores.keys()].map((store) => changelogTopic(applicationId, store)),
    )
    const holdsBack = (topic: string): boolean => changelogs.has(topic)
    return new RecordProducer({ ...common, transactionalId: null, holdsBack })
  }

  /**
   * Learns where the topics are that the topology always writes to. A missing one is said before
   * anything is processed (`TOPIC_MISSING`), and a partition function knows how many there are.
   */
  prepare(): Promise<void> {
    const { topology, config } = this.#options
    return this.#producer.prepare(writtenTopics(topology, config.applicationId))
  }

  /** No room for more until half of what is on its way is acknowledged. */
  readonly isFull = (): boolean => {
    const { sendBufferBytesMax } = this.#options.config
    const bytes = this.#producer.bufferedBytes
    this.#backedUp = bytes > (this.#backedUp ? sendBufferBytesMax / 2 : sendBufferBytesMax)
    return this.#backedUp
  }

  /** What is held back is not on its way: only a flush makes room. */
  async makeRoom(): Promise<void> {
    if (!this.#isTransactional && this.isFull()) {
      await this.#producer.drainTo(this.#options.config.sendBufferBytesMax / 2)
    }
  }

  /**
   * Drops what is not acknowledged and goes on with a new producer, which fences the one before.
   */
  async startAnew(): Promise<void> {
    await this.#producer.close()
    this.#producer = this.#newProducer()
    await this.start()
  }

  /**
   * Before committed offsets are read by which work is done again. Where they may be old, it is
   * done twice, which only at-least-once allows.
   */
  readonly proveCoordinator = async (
    partition: TopicPartition,
    member: GroupMember,
  ): Promise<void> => {
    if (this.#isTransactional) await this.#producer.proveCoordinator(partition, member)
  }

  /**
   * Has Kafka end what these threads have begun: they have left the group, or were thrown out. Else
   * whoever reads behind what they have sent would wait until their transactions have timed out.
   * One that lives and does not know it yet is told so by its next request.
   */
  readonly endTransactionsOf = (threads: readonly ThreadName[]): void => {
    if (!this.#isTransactional) return
    for (const thread of threads) void this.#endTransactionOf(thread)
  }

  async #endTransactionOf(thread: ThreadName): Promise<void> {
    const { port, clock, logger, config } = this.#options
    const id = transactionalIdOf(config.applicationId, thread)
    try {
      await retrying(clock, FENCING, () => port.initProducerId(id, config.transactionTimeoutMs))
      logger.info({ gone: thread }, 'a thread has left the group: its transaction is ended')
    } catch (error) {
      logger.warn(
        { gone: thread, err: error },
        'a thread has left the group: its transaction times out',
      )
    }
  }

  /**
   * Brokers may be away for long: whatever may pass is waited out. Resolves also when the thread is
   * to stop, and rejects with what a person has to act on.
   */
  async start(): Promise<void> {
    const { clock, logger, stopping } = this.#options
    for (let pauseMs = RETRY_INITIAL_MS; ; pauseMs = Math.min(RETRY_MAX_MS, pauseMs * 2)) {
      if (stopping.aborted) return
      try {
        await unlessAborted(stopping, this.#producer.init())
        return
      } catch (error) {
        if (reactionTo(error) !== 'migrated') throw error
        logger.warn({ err: error, pauseMs }, 'Kafka cannot be reached: trying again')
      }
      await clock.sleep(pauseMs, stopping)
    }
  }

  /** Whoever waits for an acknowledgement gets a failure. */
  close(): Promise<void> {
    return this.#producer.close()
  }
}

function writtenTopics(topology: Topology, applicationId: string): readonly string[] {
  const topics = topology.subTopologies
    .flatMap(({ nodes }) => nodes)
    .flatMap((node) =>
      node.kind === 'sink' && typeof node.target !== 'function' ? [node.target.topic] : [],
    )
  const deadLetters = topology.deadLetters === undefined ? [] : [topology.deadLetters]
  const names = [...topics, ...deadLetters].map((topic) => topicName(topic, applicationId))
  return [...new Set(names)]
}

/** Resolves as soon as the signal aborts, or with the work. */
async function unlessAborted(signal: AbortSignal, work: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const onAbort = (): void => resolve()
  signal.addEventListener('abort', onAbort)
  try {
    await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
