import { isStreamsError } from '../../core/errors.ts'
import { Fetcher } from '../../kafka/client/fetcher.ts'
import type { KeyValueStore } from '../../state/store.ts'
import { onBehalfOf } from '../task/failed-task.ts'
import { globalPartitions, type GlobalPartition } from './global-extents.ts'
import { GlobalOpening, type GlobalOpeningOptions } from './global-opening.ts'
import type { GlobalStore } from './global-store.ts'
import type { GlobalStores } from './global-stores.ts'

/** Global topics are read beside the input of tasks, which must not be starved of memory. */
const BUFFER_BYTES_MAX = 8 * 1024 * 1024
/** Records of a partition that are applied before the clock is looked at. */
const RECORDS_PER_SLICE = 64
/** How long a turn may take, so that heartbeats go on. */
const TURN_MS = 10
/** What is not in the local copy is written in one local transaction at this size. */
const DIRTY_BYTES_MAX = 1024 * 1024
/** How often topics are looked at: partitions may have been added, or a topic created anew. */
const TOPICS_EVERY_MS = 60_000

export interface GlobalReaderOptions extends GlobalOpeningOptions {
  readonly checkpointIntervalMs: number
}

export interface GlobalProgress {
  readonly store: string
  readonly topic: string
  /** Offsets still to read, as far as is known. */
  readonly remaining: number
}

/**
 * Keeps a thread's global stores: reads their topics to the end that they have at the start, and
 * follows them from then on. Nothing of it is part of a commit. The thread's loop looks after it.
 */
export class GlobalReader {
  readonly #options: GlobalReaderOptions
  readonly #fetcher: Fetcher
  readonly #isNeeded: boolean
  #opening: GlobalOpening | undefined
  #failure: unknown
  #wasReady = false
  /** Something failed in the middle of a record: what is in memory is not written any more. */
  #isBroken = false
  #persistedAtMs: number
  #lookedAtMs: number
  #isLooking = false

  constructor(options: GlobalReaderOptions) {
    this.#options = options
    const { clock, onEvent } = options
    this.#isNeeded = options.topology.globals.length > 0
    this.#persistedAtMs = this.#lookedAtMs = clock.nowMs()
    this.#fetcher = new Fetcher({
      ...options,
      isolation: 'read_committed',
      onArrival: onEvent,
      bufferBytesMax: BUFFER_BYTES_MAX,
    })
  }

  /** Whether all that was in the topics has been read: tasks may work. */
  get isReady(): boolean {
    return !this.#isNeeded || this.#opening?.isReady === true
  }

  /** Whether that has been so at least once: the thread may ask for tasks. */
  get wasReady(): boolean {
    return !this.#isNeeded || this.#wasReady
  }

  /** To be read only, and while `isReady`; undefined where the topology has none of that name. */
  readonly store = <K, V>(name: string): KeyValueStore<K, V> | undefined =>
    this.#opening?.stores?.view<K, V>(name)

  /** For queries: undefined while it is not there, or not up to date. */
  find(name: string): GlobalStore | undefined {
    return this.isReady ? this.#opening?.stores?.find(name) : undefined
  }

  progress(): readonly GlobalProgress[] {
    const opening = this.#opening
    return (opening?.stores?.all ?? []).map((store) => ({
      store: store.name,
      topic: store.topic,
      remaining: opening?.remaining(store) ?? 0,
    }))
  }

  /** Begins to open the stores and to read what they lack, in the background. */
  open(): void {
    if (!this.#isNeeded) return
    const opening = new GlobalOpening(this.#options, this.#fetcher)
    this.#opening = opening
    this.#isBroken = false
    opening
      .open()
      .catch((error: unknown) => {
        if (!opening.isClosed) this.#failure ??= error
      })
      .finally(this.#options.onEvent)
  }

  /** Applies what has arrived; true when there may be more at once. */
  advance(): boolean {
    if (this.#failure !== undefined) {
      const failure = this.#failure
      this.#failure = undefined
      throw failure
    }
    const opening = this.#opening
    const stores = opening?.stores
    if (opening === undefined || stores === undefined) return false
    return onBehalfOf(this.#options.place, () => {
      try {
        return this.#advance(opening, stores)
      } catch (error) {
        this.#isBroken = true
        throw error
      }
    })
  }

  #advance(opening: GlobalOpening, stores: GlobalStores): boolean {
    const { clock, checkpointIntervalMs } = this.#options
    const untilMs = clock.nowMs() + TURN_MS
    let applied: number
    do {
      applied = stores.apply(RECORDS_PER_SLICE)
      if (stores.dirtyBytes() >= DIRTY_BYTES_MAX) this.#persist(stores)
    } while (applied > 0 && clock.nowMs() < untilMs)
    const nowMs = clock.nowMs()
    if (!opening.isReady && opening.hasReachedEnds()) {
      this.#persist(stores)
      opening.settle()
      this.#wasReady = true
    } else if (nowMs >= this.#persistedAtMs + checkpointIntervalMs) {
      this.#persist(stores)
    }
    if (opening.isReady && nowMs >= this.#lookedAtMs + TOPICS_EVERY_MS) {
      void this.#lookAtTopics(opening, stores)
    }
    return applied > 0
  }

  #persist(stores: GlobalStores): void {
    stores.persist()
    this.#persistedAtMs = this.#options.clock.nowMs()
  }

  async #lookAtTopics(opening: GlobalOpening, stores: GlobalStores): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    const { port, clock, logger } = this.#options
    try {
      const topics = stores.all.map(({ topic }) => topic)
      const found = await globalPartitions(port, clock, topics)
      if (!opening.isClosed) this.#takeNote(opening, found)
    } catch (error) {
      logger.warn({ err: error }, 'global topics cannot be looked up: trying again later')
    } finally {
      this.#lookedAtMs = clock.nowMs()
      this.#isLooking = false
    }
  }

  #takeNote(opening: GlobalOpening, found: readonly GlobalPartition[]): void {
    try {
      onBehalfOf(this.#options.place, () => opening.update(found))
    } catch (error) {
      this.#failure ??= error
      this.#options.onEvent()
    }
  }

  /**
   * After a failure that `advance` gave, or that a task met in a store: goes on from the local
   * copy, unless that is what failed, and reads the topics to their ends again.
   */
  async openAnew(error: unknown): Promise<void> {
    const { place, storage } = this.#options
    await this.#opening?.close()
    if (isStreamsError(error) && error.code === 'STATE_CORRUPTED') storage.wipe(place)
    this.open()
  }

  async close(): Promise<void> {
    const opening = this.#opening
    this.#opening = undefined
    try {
      if (opening?.stores !== undefined && !this.#isBroken) this.#persist(opening.stores)
    } finally {
      await opening?.close()
      await this.#fetcher.close()
    }
  }
}
