import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { ThreadCounters } from '../../core/metrics.ts'
import type { Offset } from '../../core/record.ts'
import type { TaskId } from '../../core/task-id.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import { Fetcher } from '../../kafka/client/fetcher.ts'
import { KafkaError, type KafkaPort } from '../../kafka/port.ts'
import { reactionTo } from '../reaction.ts'
import { onBehalfOf } from '../task/failed-task.ts'
import type { Restoration } from '../task/task-stores.ts'
import type { Task } from '../task/task.ts'
import {
  changelogExtents,
  replayFrom,
  trustLocalStores,
  type Extent,
  type Extents,
} from './changelog-extents.ts'
import { StoreReplay } from './store-replay.ts'

/** Replayed records are written in one local transaction at this size. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024
/**
 * What is replayed but not written keeps fetched buffers in memory: a bound on those, of all
 * stores.
 */
const READ_BYTES_MAX = 64 * 1024 * 1024
/** A store's share of it at least: the smaller it is, the more often the disk has to sync. */
const READ_SHARE_BYTES_MIN = 1024 * 1024
/** Between attempts to find out where a changelog begins and ends. */
const LOOK_AGAIN_AFTER_MS = 500
/** How many records one turn replays, so that heartbeats and other tasks go on. */
const RECORDS_PER_TURN_MAX = 20_000

export interface RestoreProgress extends TopicPartition {
  readonly task: TaskId
  readonly store: string
  readonly restored: number
  /** Offsets still to read; an upper bound of the records. */
  readonly remaining: number
  readonly startedAtMs: number
}

interface Replay {
  readonly task: Task
  readonly log: StoreReplay
  end: Offset
  readonly startedAtMs: number
}

/**
 * Brings the stores of tasks up to their changelogs, from the local position on, bytes to bytes.
 *
 * It reads committed records up to the *high watermark* as it was after the input offsets were
 * found stable, not to the last stable offset: the markers of a committed transaction reach each
 * partition at their own time, so the last stable offset can still be below what the offsets
 * already cover.
 */
export class Restorer {
  readonly #port: KafkaPort
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #counters: ThreadCounters
  readonly #onArrival: () => void
  readonly #fetcher: Fetcher
  readonly #replays = new Map<string, Replay>()
  #failure: unknown

  constructor(options: {
    readonly port: KafkaPort
    readonly clock: Clock
    readonly logger: Logger
    readonly counters: ThreadCounters
    readonly onArrival: () => void
  }) {
    this.#port = options.port
    this.#clock = options.clock
    this.#logger = options.logger
    this.#counters = options.counters
    this.#onArrival = options.onArrival
    this.#fetcher = new Fetcher({ ...options, isolation: 'read_committed' })
  }

  /** How far the changelogs of a task reach: to be asked once its input offsets are known. */
  extentsOf(task: Task): Promise<Extents> {
    return changelogExtents(this.#port, this.#clock, task.stores.restorations())
  }

  /**
   * Wipes what is stale and starts to read what is missing. The generation is that of the committed
   * offsets the task resumes from.
   */
  begin(task: Task, generation: string, extents: Extents): void {
    trustLocalStores(task, generation, extents, this.#logger)
    for (const restoration of task.stores.restorations()) {
      const extent = extents.get(topicPartitionKey(restoration.topic, restoration.partition))
      this.#begin(task, restoration, extent ?? { start: 0, end: 0, topicId: '' })
    }
  }

  #begin(task: Task, restoration: Restoration, extent: Extent): void {
    const { store, topic, partition } = restoration
    const { end } = extent
    const at = replayFrom(task, restoration, extent, this.#logger)
    if (at >= end) return
    const log = new StoreReplay(task.stores, restoration, at)
    const startedAtMs = this.#clock.nowMs()
    this.#replays.set(topicPartitionKey(topic, partition), { task, log, end, startedAtMs })
    this.#fetcher.assign(topic, partition, at)
    this.#logger.info({ task: task.id, store, from: at, to: end }, 'restoring store')
  }

  isRestoring(task: Task): boolean {
    for (const replay of this.#replays.values()) if (replay.task === task) return true
    return false
  }

  /** Applies what has arrived; true when there may be more at once. */
  advance(): boolean {
    if (this.#failure !== undefined) throw this.#failure
    let budget = RECORDS_PER_TURN_MAX
    for (const [key, replay] of this.#replays) {
      onBehalfOf(replay.task.id, () => {
        budget -= this.#replay(replay, budget)
        if (replay.log.at >= replay.end) this.#finish(key, replay)
      })
      if (budget <= 0) return true
    }
    return false
  }

  #replay(replay: Replay, recordsMax: number): number {
    const { log, end } = replay
    const readBytesMax = Math.max(READ_SHARE_BYTES_MIN, READ_BYTES_MAX / this.#replays.size)
    const bounds = { rowsMax: Infinity, bytesMax: BATCH_BYTES_MAX, readBytesMax }
    const before = log.restored
    try {
      log.take(this.#fetcher, recordsMax, end, bounds)
    } catch (error) {
      this.#startAgain(replay, error)
    }
    const records = log.restored - before
    this.#counters.restored += records
    return records
  }

  /** The changelog lost its beginning while it was read: what is there now is all there is. */
  #startAgain(replay: Replay, error: unknown): void {
    if (!(error instanceof KafkaError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error
    const { task, log } = replay
    this.#logger.warn({ task: task.id, store: log.store, at: log.at }, 'changelog truncated')
    log.wipe()
    this.#fetcher.unassign(log.topic, log.partition)
    void this.#readFromStart(replay)
  }

  async #readFromStart(replay: Replay): Promise<void> {
    const { log } = replay
    const { topic, partition } = log
    const key = topicPartitionKey(topic, partition)
    while (this.#replays.get(key) === replay) {
      try {
        const extent = (await changelogExtents(this.#port, this.#clock, [log])).get(key)
        if (this.#replays.get(key) !== replay || extent === undefined) return
        log.moveTo(extent.start)
        replay.end = extent.end
        this.#fetcher.assign(topic, partition, extent.start)
        this.#onArrival()
        return
      } catch (error) {
        if (reactionTo(error) !== 'migrated') {
          this.#failure = error
          this.#onArrival()
          return
        }
        this.#logger.warn({ topic, partition, err: error }, 'no changelog: trying again')
      }
      await this.#clock.sleep(LOOK_AGAIN_AFTER_MS)
    }
  }

  #finish(key: string, { task, log, startedAtMs }: Replay): void {
    log.write()
    this.#replays.delete(key)
    this.#fetcher.unassign(log.topic, log.partition)
    const { store, restored } = log
    const tookMs = this.#clock.nowMs() - startedAtMs
    this.#logger.info({ task: task.id, store, restored, tookMs }, 'store restored')
  }

  /** Stops restoring a task; what was written stays written. */
  remove(task: Task): void {
    for (const [key, replay] of this.#replays) {
      if (replay.task !== task) continue
      this.#replays.delete(key)
      this.#fetcher.unassign(replay.log.topic, replay.log.partition)
    }
  }

  get isBusy(): boolean {
    return this.#replays.size > 0
  }

  progress(): readonly RestoreProgress[] {
    return [...this.#replays.values()].map(({ task, log, end, startedAtMs }) => ({
      task: task.id,
      store: log.store,
      topic: log.topic,
      partition: log.partition,
      restored: log.restored,
      remaining: Math.max(0, end - log.at),
      startedAtMs,
    }))
  }

  close(): Promise<void> {
    this.#replays.clear()
    return this.#fetcher.close()
  }
}
