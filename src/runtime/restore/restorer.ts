import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { ThreadCounters } from '../../core/metrics.ts'
import type { Offset } from '../../core/record.ts'
import type { TaskId } from '../../core/task-id.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import { Fetcher } from '../../kafka/client/fetcher.ts'
import { listOffsetsRetrying } from '../../kafka/client/offsets.ts'
import type { RecordRun } from '../../kafka/client/record-run.ts'
import { fetchTopicIds } from '../../kafka/client/topics.ts'
import { KafkaError, type KafkaPort } from '../../kafka/port.ts'
import type { ByteEntry } from '../../state/backend.ts'
import { reactionTo } from '../reaction.ts'
import { onBehalfOf } from '../task/failed-task.ts'
import type { Restoration } from '../task/task-stores.ts'
import type { Task } from '../task/task.ts'

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
/** How long a broker may take to say where a changelog begins and ends. */
const LOOKUP = { timeoutMs: 60_000 }
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

/** Where a changelog begins and ends, and which one it is. */
interface Extent {
  readonly start: Offset
  readonly end: Offset
  readonly topicId: string
}

/** By `topicPartitionKey`. */
export type Extents = ReadonlyMap<string, Extent>

interface Replay extends Restoration {
  readonly task: Task
  end: Offset
  readonly startedAtMs: number
  at: Offset
  restored: number
  /** The last entry of each key that is not written yet, by the key's bytes as text. */
  readonly pending: Map<string, ByteEntry>
  pendingBytes: number
  /** Fetched bytes that pending entries may point into. */
  readBytes: number
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
    return this.#lookUp(task.stores.restorations())
  }

  /**
   * Wipes what is stale and starts to read what is missing. The generation is that of the committed
   * offsets the task resumes from.
   */
  begin(task: Task, generation: string, extents: Extents): void {
    this.#trust(task, generation, extents)
    for (const restoration of task.stores.restorations()) {
      const extent = extents.get(topicPartitionKey(restoration.topic, restoration.partition))
      this.#begin(task, restoration, extent ?? { start: 0, end: 0, topicId: '' })
    }
  }

  /** What a task's local stores may hold: see `TaskStores.trust`. */
  #trust(task: Task, generation: string, extents: Extents): void {
    const ids = task.stores.restorations().map(({ topic, partition }) => {
      const extent = extents.get(topicPartitionKey(topic, partition))
      return [topic, extent?.topicId ?? ''] as const
    })
    for (const store of task.stores.trust(generation, new Map(ids))) {
      this.#logger.warn(
        { task: task.id, store },
        'the local store is of before a replay, or its changelog is another one: it is rebuilt',
      )
    }
  }

  /**
   * The ids first: when a topic is replaced meanwhile, its offsets are those of the new one under
   * the old id, which will be found out, and not the other way round.
   */
  async #lookUp(changelogs: readonly TopicPartition[]): Promise<Extents> {
    const [port, clock] = [this.#port, this.#clock]
    const names = [...new Set(changelogs.map(({ topic }) => topic))]
    const ids = await fetchTopicIds(port, clock, names, LOOKUP)
    const [starts, ends] = await Promise.all([
      listOffsetsRetrying(port, clock, changelogs, 'earliest', 'read_uncommitted', LOOKUP),
      listOffsetsRetrying(port, clock, changelogs, 'latest', 'read_uncommitted', LOOKUP),
    ])
    return new Map(
      changelogs.map(({ topic, partition }) => {
        const key = topicPartitionKey(topic, partition)
        const topicId = ids.get(topic) ?? ''
        return [key, { start: starts.get(key) ?? 0, end: ends.get(key) ?? 0, topicId }]
      }),
    )
  }

  #begin(task: Task, restoration: Restoration, { start, end }: Extent): void {
    const { store, topic, partition, position } = restoration
    const reaches = position === undefined || (position >= start && position <= end)
    if (!reaches) {
      this.#logger.warn(
        { task: task.id, store, position, start, end },
        'the changelog does not reach back to the local store, which is rebuilt from it',
      )
      task.stores.wipe(store)
    }
    const at = reaches && position !== undefined ? position : start
    if (at >= end) return
    this.#replays.set(topicPartitionKey(topic, partition), {
      ...restoration,
      task,
      end,
      at,
      startedAtMs: this.#clock.nowMs(),
      restored: 0,
      pending: new Map(),
      pendingBytes: 0,
      readBytes: 0,
    })
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
        if (replay.at >= replay.end) this.#finish(key, replay)
      })
      if (budget <= 0) return true
    }
    return false
  }

  #replay(replay: Replay, recordsMax: number): number {
    const { topic, partition, task, store } = replay
    const shareBytes = Math.max(READ_SHARE_BYTES_MIN, READ_BYTES_MAX / this.#replays.size)
    let records = 0
    try {
      while (records < recordsMax && replay.at < replay.end) {
        const run = this.#fetcher.take(topic, partition)
        if (run === undefined) break
        while (run.next()) {
          records += 1
          if (run.key !== null) {
            const { key, value, timestampMs } = run
            add(replay, run, task.stores.restoredEntry(store, key, value, timestampMs))
          }
        }
        replay.at = run.endOffset
        replay.readBytes += run.sizeBytes
        if (replay.pendingBytes >= BATCH_BYTES_MAX || replay.readBytes >= shareBytes) {
          this.#write(replay)
        }
      }
    } catch (error) {
      this.#startAgain(replay, error)
    }
    replay.restored += records
    this.#counters.restored += records
    return records
  }

  /** The changelog lost its beginning while it was read: what is there now is all there is. */
  #startAgain(replay: Replay, error: unknown): void {
    if (!(error instanceof KafkaError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error
    const { task, store, topic, partition } = replay
    this.#logger.warn({ task: task.id, store, at: replay.at }, 'changelog truncated')
    task.stores.wipe(store)
    clear(replay)
    this.#fetcher.unassign(topic, partition)
    void this.#readFromStart(replay)
  }

  async #readFromStart(replay: Replay): Promise<void> {
    const { topic, partition } = replay
    const key = topicPartitionKey(topic, partition)
    while (this.#replays.get(key) === replay) {
      try {
        const extent = (await this.#lookUp([replay])).get(key)
        if (this.#replays.get(key) !== replay || extent === undefined) return
        replay.at = extent.start
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

  #write(replay: Replay): void {
    const entries = [...replay.pending.values()].sort(([a], [b]) => Buffer.compare(a, b))
    replay.task.stores.restore(replay.store, entries, replay.at)
    clear(replay)
  }

  #finish(key: string, replay: Replay): void {
    this.#write(replay)
    this.#replays.delete(key)
    this.#fetcher.unassign(replay.topic, replay.partition)
    const { task, store, restored, startedAtMs } = replay
    const tookMs = this.#clock.nowMs() - startedAtMs
    this.#logger.info({ task: task.id, store, restored, tookMs }, 'store restored')
  }

  /** Stops restoring a task; what was written stays written. */
  remove(task: Task): void {
    for (const [key, replay] of this.#replays) {
      if (replay.task !== task) continue
      this.#replays.delete(key)
      this.#fetcher.unassign(replay.topic, replay.partition)
    }
  }

  progress(): readonly RestoreProgress[] {
    return [...this.#replays.values()].map((replay) => ({
      task: replay.task.id,
      store: replay.store,
      topic: replay.topic,
      partition: replay.partition,
      restored: replay.restored,
      remaining: Math.max(0, replay.end - replay.at),
      startedAtMs: replay.startedAtMs,
    }))
  }

  close(): Promise<void> {
    this.#replays.clear()
    return this.#fetcher.close()
  }
}

function add(replay: Replay, record: RecordRun, entry: ByteEntry | undefined): void {
  const [key, value] = entry ?? [record.key ?? nothing, record.value]
  if (entry !== undefined) {
    replay.pending.set(Buffer.prototype.latin1Slice.call(key, 0, key.length), entry)
  }
  replay.pendingBytes += key.length + (value === null ? 0 : value.length) + 64
}

const nothing = new Uint8Array(0)

function clear(replay: Replay): void {
  replay.pending.clear()
  replay.pendingBytes = 0
  replay.readBytes = 0
}
