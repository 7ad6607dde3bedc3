import type { Clock } from '../../core/clock.ts'
import { isStreamsError, StreamsError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { ThreadCounters } from '../../core/metrics.ts'
import type { Offset } from '../../core/record.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import type { Fetcher } from '../../kafka/client/fetcher.ts'
import type { KafkaPort } from '../../kafka/port.ts'
import type { StateBackend } from '../../state/backend.ts'
import { memoryBackend } from '../../state/memory/memory-backend.ts'
import type { StoreSpec } from '../../state/store-spec.ts'
import type { Topology } from '../../topology/topology.ts'
import { reactionTo } from '../reaction.ts'
import { onBehalfOf } from '../task/failed-task.ts'
import type { GlobalPlace, LocalStorage } from '../thread/local-storage.ts'
import { globalExtents, type GlobalExtent, type GlobalPartition } from './global-extents.ts'
import type { GlobalStore } from './global-store.ts'
import { GlobalStores } from './global-stores.ts'
import { guardedBackend } from './guarded-backend.ts'

/** Between attempts to ask Kafka what has to be known. */
const LOOK_AGAIN_AFTER_MS = 500

export interface GlobalOpeningOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly topology: Topology
  readonly applicationId: string
  readonly place: GlobalPlace
  readonly storage: LocalStorage
  readonly counters: ThreadCounters
  readonly readCacheMaxBytes: number
  /** Something to do for `advance`. */
  readonly onEvent: () => void
}

/**
 * The global stores of a thread from when they are opened to when they are closed, which may be
 * before they were open: what it asked for is dropped then.
 */
export class GlobalOpening {
  readonly #options: GlobalOpeningOptions
  readonly #fetcher: Fetcher
  readonly #closing = new AbortController()
  readonly #backends = new Map<StoreSpec['backend'], StateBackend>()
  /** Where partitions still have to come to, by `topicPartitionKey`. */
  readonly #targets = new Map<string, Offset>()
  readonly #assigned: TopicPartition[] = []
  readonly #startedAtMs: number
  readonly #recordsBefore: number
  #topicIds: ReadonlyMap<string, string> = new Map()
  #stores: GlobalStores | undefined
  #isReady = false

  constructor(options: GlobalOpeningOptions, fetcher: Fetcher) {
    this.#options = options
    this.#fetcher = fetcher
    this.#startedAtMs = options.clock.nowMs()
    this.#recordsBefore = options.counters.globalRecords
  }

  /** Undefined until their topics were looked up. */
  get stores(): GlobalStores | undefined {
    return this.#stores
  }

  /** Whether tasks may look at the stores. */
  get isReady(): boolean {
    return this.#isReady
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  /** Looks up the topics and opens the stores; rejects with what a person has to act on. */
  async open(): Promise<void> {
    const { port, clock, topology, place } = this.#options
    const topics = topology.globals.flatMap(({ sources }) =>
      sources.flatMap((source) => (source.topics instanceof RegExp ? [] : source.topics)),
    )
    const names = topics.map(({ name }) => name)
    const extents = await this.#asked(() => globalExtents(port, clock, names))
    if (extents === undefined || this.isClosed) return
    this.#topicIds = new Map(extents.map(({ topic, topicId }) => [topic, topicId]))
    const stores = await this.#openStores()
    if (stores === undefined) return
    onBehalfOf(place, () => {
      for (const store of stores.all) this.#begin(store, extents)
    })
    this.#stores = stores
  }

  /** What Kafka cannot say now is asked again; undefined once closed. */
  async #asked<T>(lookUp: () => Promise<T>): Promise<T | undefined> {
    const { clock, logger } = this.#options
    while (!this.isClosed) {
      try {
        const found = await lookUp()
        return this.isClosed ? undefined : found
      } catch (error) {
        if (this.isClosed) return undefined
        if (reactionTo(error) !== 'migrated') throw error
        logger.warn({ err: error }, 'global stores cannot be opened: trying again')
      }
      await clock.sleep(LOOK_AGAIN_AFTER_MS, this.#closing.signal)
    }
    return undefined
  }

  async #openStores(): Promise<GlobalStores | undefined> {
    const { logger, place, storage } = this.#options
    const create = (): GlobalStores => onBehalfOf(place, () => this.#createStores())
    try {
      return create()
    } catch (error) {
      if (!isStreamsError(error) || error.code !== 'STATE_CORRUPTED') throw error
      logger.warn({ err: error }, 'global stores cannot be read: rebuilding from their topics')
      await this.#letGo()
      if (this.isClosed) return undefined
      storage.wipe(place)
      return create()
    }
  }

  #createStores(): GlobalStores {
    const { topology, place, storage, readCacheMaxBytes } = this.#options
    return new GlobalStores({
      ...this.#options,
      topicIds: this.#topicIds,
      readCacheMaxBytes: Math.floor(readCacheMaxBytes / topology.globals.length),
      take: (topic, partition) => this.#fetcher.take(topic, partition),
      backend: (kind) => {
        const open = this.#backends.get(kind)
        if (open !== undefined) return open
        const backend = kind === 'lmdb' ? storage.open(place) : memoryBackend()
        const guarded = guardedBackend(backend, place)
        this.#backends.set(kind, guarded)
        return guarded
      },
    })
  }

  /** Goes on where the local copy ends, if its topic reaches there. */
  #begin(store: GlobalStore, all: readonly GlobalExtent[]): void {
    const { logger } = this.#options
    const { name, topic, copied } = store
    const extents = all.filter((extent) => extent.topic === topic)
    if (!reaches(copied, extents)) {
      logger.warn(
        { store: name, copied: Object.fromEntries(copied), extents },
        'the topic does not reach back to the local copy of a global store, which is read anew',
      )
      store.wipe()
    }
    for (const { partition, start, stableEnd } of extents) {
      const position = copied.get(partition) ?? start
      this.#read(store, partition, position)
      if (position < stableEnd) this.#targets.set(topicPartitionKey(topic, partition), stableEnd)
    }
    const from = Object.fromEntries(copied)
    const to = Object.fromEntries(extents.map(({ partition, stableEnd }) => [partition, stableEnd]))
    logger.info({ store: name, topic, from, to }, 'reading global store')
  }

  #read(store: GlobalStore, partition: number, position: Offset): void {
    store.read(partition, position)
    this.#fetcher.assign(store.topic, partition, position)
    this.#assigned.push({ topic: store.topic, partition })
  }

  /** Looks whether the ends have been reached that the topics had at the start. */
  hasReachedEnds(): boolean {
    for (const store of this.#stores?.all ?? []) {
      for (const partition of store.partitions) {
        const key = topicPartitionKey(store.topic, partition)
        const target = this.#targets.get(key) ?? 0
        if ((store.position(partition) ?? 0) >= target) this.#targets.delete(key)
      }
    }
    return this.#targets.size === 0
  }

  /** What was read up to the ends is on disk. */
  settle(): void {
    this.#isReady = true
    const { clock, logger, counters } = this.#options
    const records = counters.globalRecords - this.#recordsBefore
    logger.info({ records, tookMs: clock.nowMs() - this.#startedAtMs }, 'global stores are read')
  }

  /** Offsets that a store still has to read, as far as is known. */
  remaining(store: GlobalStore): number {
    const { topic } = store
    return store.partitions.reduce((sum, partition) => {
      const target = this.#targets.get(topicPartitionKey(topic, partition)) ?? 0
      const end = this.#fetcher.watermarks(topic, partition)?.lastStableOffset ?? 0
      return sum + Math.max(0, Math.max(target, end) - (store.position(partition) ?? 0))
    }, 0)
  }

  /**
   * The topics as they are now: partitions that were added are read from their beginning. Throws
   * `TASK_CORRUPTED` where a topic is another one.
   */
  update(found: readonly GlobalPartition[]): void {
    for (const { topic, topicId } of found) {
      if (topicId !== this.#topicIds.get(topic)) throw createdAnew(topic)
    }
    for (const store of this.#stores?.all ?? []) {
      const known = new Set(store.partitions)
      for (const { topic, partition } of found) {
        if (topic !== store.topic || known.has(partition)) continue
        const { logger } = this.#options
        logger.info({ store: store.name, topic, partition }, 'a global topic has a new partition')
        this.#read(store, partition, 0)
      }
    }
  }

  /** Drops what is in memory and lets go of the local storage. */
  async close(): Promise<void> {
    this.#closing.abort()
    for (const { topic, partition } of this.#assigned) this.#fetcher.unassign(topic, partition)
    try {
      this.#stores?.close()
    } catch (error) {
      // Nothing of the stores is left to be harmed.
      this.#options.logger.error({ err: error }, 'the step of a global store failed to close')
    }
    await this.#letGo()
  }

  async #letGo(): Promise<void> {
    const closing = [...this.#backends.values()]
    this.#backends.clear()
    for (const backend of closing) await backend.close()
  }
}

const createdAnew = (topic: string): StreamsError =>
  new StreamsError('TASK_CORRUPTED', {
    message: `global topic "${topic}" was deleted and created anew`,
    hint: 'Nothing to do: it is read anew, and work goes on from the last commit.',
  })

/** Whether what comes next is in the topic, for every partition of the copy. */
const reaches = (copied: ReadonlyMap<number, Offset>, extents: readonly GlobalExtent[]): boolean =>
  [...copied].every(([partition, position]) => {
    const extent = extents.find((each) => each.partition === partition)
    return extent !== undefined && position >= extent.start && position <= extent.end
  })
