import type { Clock } from '../../core/clock.ts'
import { assert } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { Offset } from '../../core/record.ts'
import { RecordMeta } from '../../core/record-meta.ts'
import { parseTaskId, type TaskId } from '../../core/task-id.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import type { Fetcher } from '../../kafka/client/fetcher.ts'
import type { StateBackend } from '../../state/backend.ts'
import type { StoreSpec } from '../../state/store-spec.ts'
import type { Topology } from '../../topology/topology.ts'
import {
  replayFrom,
  trustLocalStores,
  type Extent,
  type Extents,
} from '../restore/changelog-extents.ts'
import { StoreReplay, type ReplayBounds } from '../restore/store-replay.ts'
import type { RecordCollector } from './record-collector.ts'
import { TaskStores } from './task-stores.ts'

export interface StandbyTaskOptions {
  readonly id: TaskId
  readonly topology: Topology
  readonly applicationId: string
  /** How many tasks its sub-topology has. */
  readonly partitions: number
  readonly backend: (kind: StoreSpec['backend']) => StateBackend
  readonly clock: Clock
  readonly logger: Logger
}

/** How far a copy of a store is behind its changelog. */
export interface StandbyLag extends TopicPartition {
  readonly task: TaskId
  readonly store: string
  /** Offsets still to read; undefined while the broker has not been heard. */
  readonly lag: number | undefined
}

/**
 * A task that others run: its logged stores, which follow their changelogs without an end, read
 * committed, bytes to bytes. It has no graph, no input and no producer. What it has written is as
 * good as what a restore would write, so whoever opens the task next begins where it was.
 */
export class StandbyTask {
  readonly id: TaskId
  readonly partitions: number
  readonly stores: TaskStores
  readonly #logger: Logger
  /** Empty until it follows. */
  #logs: readonly StoreReplay[] = []
  #isFollowing = false
  /** Whose turn it is. */
  #next = 0

  constructor(options: StandbyTaskOptions) {
    const { id, topology, clock } = options
    const { subTopology, partition } = parseTaskId(id)
    this.id = id
    this.partitions = options.partitions
    this.#logger = options.logger
    this.stores = new TaskStores({
      ...options,
      partition,
      specs: loggedStores(topology, subTopology),
      collector: noCollector,
      meta: new RecordMeta(),
      cacheMaxBytes: 0,
      readCacheMaxBytes: 0,
      clock,
      streamTimeMs: () => Math.max(-1, ...this.#logs.map(({ timestampMs }) => timestampMs)),
    })
  }

  get partition(): number {
    return parseTaskId(this.id).partition
  }

  get changelogs(): readonly TopicPartition[] {
    return this.stores.restorations()
  }

  /**
   * Wipes what is stale and begins to follow. The generation is that of the offsets that the group
   * has committed of the task's input; it was looked up before the extents were.
   */
  follow(generation: string, extents: Extents, fetcher: Fetcher): void {
    trustLocalStores(this, generation, extents, this.#logger)
    this.#logs = this.stores.restorations().map((restoration) => {
      const { topic, partition } = restoration
      const extent = extentOf(extents, restoration)
      const at = replayFrom(this, restoration, extent, this.#logger)
      fetcher.assign(topic, partition, at)
      return new StoreReplay(this.stores, restoration, at)
    })
    this.#isFollowing = true
  }

  get isFollowing(): boolean {
    return this.#isFollowing
  }

  /**
   * Applies what has arrived, of one changelog after the other, at most so many records; returns
   * how many. Throws what stopped one of them.
   */
  advance(fetcher: Fetcher, recordsMax: number, bounds: ReplayBounds): number {
    let records = 0
    for (let idle = 0; idle < this.#logs.length && records < recordsMax; idle += 1) {
      const log = this.#logs[this.#next % this.#logs.length] as StoreReplay
      this.#next = (this.#next + 1) % this.#logs.length
      records += log.take(fetcher, recordsMax - records, Infinity, bounds)
    }
    return records
  }

  /**
   * Writes what was read, with its positions, and has the stores let expired rows go; true when
   * anything was read.
   */
  write(): boolean {
    let any = false
    for (const log of this.#logs) {
      if (log.write()) any = true
      this.stores.tidy(log.store, log.at)
    }
    return any
  }

  /** Of its stores; what it does not know yet has no lag. */
  lags(fetcher: Fetcher): readonly StandbyLag[] {
    return this.#logs.map(({ store, topic, partition, at }) => {
      const watermarks = fetcher.watermarks(topic, partition)
      const lag = watermarks && Math.max(0, watermarks.highWatermark - at)
      return { task: this.id, store, topic, partition, lag }
    })
  }

  /** Of all its changelogs together: what is read, or where its stores are until it follows. */
  get position(): Offset {
    if (this.#isFollowing) return this.#logs.reduce((sum, { at }) => sum + at, 0)
    return this.stores.restorations().reduce((sum, { position = 0 }) => sum + position, 0)
  }

  /** Drops what is in memory: the local storage is the caller's to keep or to close. */
  close(fetcher: Fetcher): void {
    for (const { topic, partition } of this.#logs) fetcher.unassign(topic, partition)
    this.#logs = []
    this.#isFollowing = false
    this.stores.close()
  }
}

const extentOf = (extents: Extents, { topic, partition }: TopicPartition): Extent =>
  extents.get(topicPartitionKey(topic, partition)) ?? { start: 0, end: 0, topicId: '' }

/** Those that a changelog can bring back. */
export const loggedStores = (
  { subTopologies, stores }: Topology,
  subTopology: number,
): readonly StoreSpec[] =>
  (subTopologies[subTopology]?.stores ?? [])
    .map((name) => stores.get(name) as StoreSpec)
    .filter(({ logged }) => logged)

/** Nothing of a standby is its own to send. */
const noCollector: RecordCollector = {
  partitionCount: () => 0,
  send: () => assert(false, 'a standby sends nothing'),
}
