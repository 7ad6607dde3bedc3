import type { Clock } from '../../core/clock.ts'
import { StreamsError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { Random } from '../../core/random.ts'
import type { Headers } from '../../core/record.ts'
import { KafkaError, type KafkaPort, type TopicMetadata } from '../port.ts'
import { MetadataLoop } from './metadata-loop.ts'
import type { OutgoingPartition } from './outgoing-partition.ts'
import { OutgoingTopic } from './outgoing-topic.ts'

/** How long a topic may be unknown to the cluster: one that was just created is, for a moment. */
const MISSING_GRACE_MS = 3_000
const PARKED_BYTES_MAX = 32 * 1024 * 1024

export interface OutgoingTopicsOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly random: Random
  readonly deliveryTimeoutMs: number
  readonly holdsBack: (topic: string) => boolean
  /** Metadata came: parked records can be batched and leaders are known. */
  readonly onLoaded: (topics: readonly OutgoingTopic[]) => void
  /** Records are waiting for a topic that will not come. */
  readonly onFailed: (error: unknown) => void
}

/** The topics a producer writes to, and the records that came before their metadata. */
export class OutgoingTopics {
  /** Bytes of parked records. */
  parkedBytes = 0
  readonly #options: OutgoingTopicsOptions
  readonly #topics = new Map<string, OutgoingTopic>()
  readonly #metadata: MetadataLoop

  constructor(options: OutgoingTopicsOptions) {
    this.#options = options
    this.#metadata = new MetadataLoop({
      ...options,
      wanted: () => this.#wanted(),
      onFound: (topics, found) => this.#load(topics, found),
      onRefused: (topic, error) => this.#refuse(topic, error),
    })
  }

  /** Known or, from now on, asked for. */
  topic(name: string): OutgoingTopic {
    let topic = this.#topics.get(name)
    if (topic === undefined) {
      const { random, holdsBack } = this.#options
      topic = new OutgoingTopic(name, random, holdsBack(name))
      this.#topics.set(name, topic)
      this.#metadata.look()
    }
    return topic
  }

  find(name: string): OutgoingTopic | undefined {
    return this.#topics.get(name)
  }

  *partitions(): Iterable<OutgoingPartition> {
    for (const topic of this.#topics.values()) yield* topic.partitions
  }

  /** Keeps a copy of the record until its topic is known. */
  park(
    topic: OutgoingTopic,
    partition: number | null,
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: Headers,
    sizeBound: number,
  ): void {
    if (this.parkedBytes + sizeBound > PARKED_BYTES_MAX) throw tooManyParked(topic.name)
    // What no batch can take is refused now, while its sender can still be told.
    if (!Number.isSafeInteger(timestampMs)) throw badTimestamp(topic.name, timestampMs)
    if (topic.parked.length === 0) topic.parkedSinceMs = this.#options.clock.nowMs()
    topic.parked.push({
      partition,
      timestampMs,
      key: copyOf(key),
      value: copyOf(value),
      headers: headers.map(([name, bytes]) => [name, copyOf(bytes)]),
      bufferedBytes: sizeBound,
    })
    this.parkedBytes += sizeBound
  }

  /** A partition with records has no leader: asks for one, or again when it had one that moved. */
  findLeader(again: boolean): void {
    if (again) this.#metadata.look()
    else this.#metadata.start()
  }

  dropParked(): void {
    for (const topic of this.#topics.values()) topic.parked.length = 0
    this.parkedBytes = 0
  }

  /** Nothing waits any longer, and the state of every partition is void. */
  forget(error: unknown): void {
    this.dropParked()
    for (const topic of this.#topics.values()) topic.refuse(error)
    this.#topics.clear()
  }

  close(): void {
    this.#metadata.close()
  }

  #wanted(): string[] {
    const names: string[] = []
    const { deliveryTimeoutMs, clock } = this.#options
    for (const topic of this.#topics.values()) {
      if (topic.isLoaded && !topic.isWaitingForLeader) continue
      const parked = topic.parked.length > 0
      if (parked && clock.nowMs() - topic.parkedSinceMs >= deliveryTimeoutMs) {
        this.#options.onFailed(noMetadata(topic.name, deliveryTimeoutMs))
        return []
      }
      names.push(topic.name)
    }
    return names
  }

  #load(names: readonly string[], found: ReadonlyMap<string, TopicMetadata>): void {
    const loaded: OutgoingTopic[] = []
    for (const name of names) {
      const topic = this.#topics.get(name)
      if (topic === undefined) continue
      const metadata = found.get(name)
      if (metadata === undefined || metadata.partitions.length === 0) {
        this.#notFound(topic)
      } else {
        topic.load(metadata)
        loaded.push(topic)
      }
    }
    if (loaded.length > 0) this.#options.onLoaded(loaded)
  }

  #notFound(topic: OutgoingTopic): void {
    const nowMs = this.#options.clock.nowMs()
    topic.missingSinceMs ??= nowMs
    if (nowMs - topic.missingSinceMs >= MISSING_GRACE_MS) {
      this.#refuse(topic.name, topicMissing(topic.name))
    }
  }

  /** Whoever prepares it hears of it; records that wait for it are lost, and so is the producer. */
  #refuse(name: string, error: unknown): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    if (topic.parked.length > 0 || topic.isWaitingForLeader) {
      this.#options.onFailed(error)
    } else {
      this.#topics.delete(name)
      topic.refuse(error)
    }
  }
}

const copyOf = (bytes: Uint8Array | null): Uint8Array | null =>
  bytes === null ? null : new Uint8Array(bytes)

const topicMissing = (name: string): StreamsError =>
  new StreamsError('TOPIC_MISSING', {
    message: `the topic "${name}" does not exist`,
    hint: `Create "${name}" or correct its name in the topology.`,
  })

const badTimestamp = (name: string, timestampMs: number): StreamsError =>
  new StreamsError('SERDE_FAILED', {
    message: `a record for "${name}" has the timestamp ${timestampMs}`,
    hint: 'Give records whole milliseconds; check the timestamp extractor.',
  })

const tooManyParked = (name: string): StreamsError =>
  new StreamsError('KAFKA_UNAVAILABLE', {
    message: `${PARKED_BYTES_MAX} bytes of records wait to learn where "${name}" and others are`,
    hint: 'Check that the brokers can be reached.',
  })

const noMetadata = (name: string, timeoutMs: number): KafkaError =>
  new KafkaError('DELIVERY_TIMED_OUT', 'network', `no metadata of "${name}" within ${timeoutMs} ms`)
