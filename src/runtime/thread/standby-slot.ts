import type { Clock } from '../../core/clock.ts'
import { isStreamsError } from '../../core/errors.ts'
import { hasPassed } from '../../core/has-passed.ts'
import type { Logger } from '../../core/logger.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { Fetcher } from '../../kafka/client/fetcher.ts'
import { retrying, wasRefusedOrLost } from '../../kafka/client/retrying.ts'
import { KafkaError, type KafkaPort } from '../../kafka/port.ts'
import type { StateBackend } from '../../state/backend.ts'
import { memoryBackend } from '../../state/memory/memory-backend.ts'
import type { StoreSpec } from '../../state/store-spec.ts'
import type { Topology } from '../../topology/topology.ts'
import type { AssignedTask } from '../assignment/subscription.ts'
import { reactionTo } from '../reaction.ts'
import { changelogExtents, type Extents } from '../restore/changelog-extents.ts'
import type { ReplayBounds } from '../restore/store-replay.ts'
import { latestGeneration, parseCommitMetadata } from '../task/commit-metadata.ts'
import { StandbyTask } from '../task/standby-task.ts'
import type { Backends, LocalStorage } from './local-storage.ts'

/** Between a failure and another attempt; doubles while attempts fail. */
const PAUSE_MIN_MS = 500
const PAUSE_MAX_MS = 30_000
const LOOKUP = { initialMs: 50, maxMs: 500, timeoutMs: 60_000, cures: wasRefusedOrLost }

export interface StandbySlotOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly topology: Topology
  readonly applicationId: string
  /** How long what was read may wait to be written. */
  readonly checkpointIntervalMs: number
  readonly storage: LocalStorage
  readonly fetcher: Fetcher
  /** Follows, or does no more: whoever waits for it may look. */
  readonly onEvent: () => void
  /** A mistake of ours, which is nothing to go on after. */
  readonly onBroken: (error: unknown) => void
}

/** What a standby's stores are of: see decision 11. */
interface Look {
  readonly generation: string
  readonly extents: Extents
}

/**
 * A task that is followed, from when that is asked for to when it is not wanted any more. What goes
 * wrong meanwhile stops nothing else: the task is closed, and opened again after a pause.
 */
export class StandbySlot {
  readonly plan: AssignedTask
  readonly #options: StandbySlotOptions
  readonly #backends: Backends
  readonly #ending = new AbortController()
  #task: StandbyTask | undefined
  #origin = ''
  #failures = 0
  #writtenAtMs: number
  /** Local files are being closed. */
  #closing: Promise<void> = Promise.resolve()

  /** `backends`: what is open of the task's local storage already. */
  constructor(options: StandbySlotOptions, plan: AssignedTask, backends: Backends) {
    this.#options = options
    this.plan = plan
    this.#backends = backends
    this.#writtenAtMs = options.clock.nowMs()
    this.#keepOpening().catch(options.onBroken)
  }

  get id(): TaskId {
    return this.plan.id
  }

  /** Undefined while it does not follow. */
  get task(): StandbyTask | undefined {
    return this.#task?.isFollowing === true ? this.#task : undefined
  }

  get #hasEnded(): boolean {
    return this.#ending.signal.aborted
  }

  async #keepOpening(): Promise<void> {
    while (!this.#hasEnded) {
      try {
        await this.#open()
        return
      } catch (error) {
        await this.#setAside(error)
      }
    }
  }

  async #open(): Promise<void> {
    const { fetcher, logger, onEvent } = this.#options
    const task = new StandbyTask({ ...this.#options, ...this.plan, backend: this.#backend })
    this.#task = task
    const { generation, extents } = await this.#look(task)
    if (this.#hasEnded) return
    task.follow(generation, extents, fetcher)
    this.#origin = originOf({ generation, extents })
    logger.info({ task: this.id, from: task.position }, 'standby follows')
    onEvent()
  }

  readonly #backend = (kind: StoreSpec['backend']): StateBackend => {
    const known = this.#backends.get(kind)
    if (known !== undefined) return known
    const opened = kind === 'lmdb' ? this.#options.storage.open(this.id) : memoryBackend()
    this.#backends.set(kind, opened)
    return opened
  }

  /**
   * The generation first: then state that is read later may be of a younger one, which whoever
   * takes the task over finds out. An open transaction over the offsets is not waited for: it does
   * not change their generation.
   */
  async #look(task: StandbyTask): Promise<Look> {
    const { port, clock, applicationId } = this.#options
    const { sources } = this.plan
    const committed = await retrying(clock, LOOKUP, () =>
      port.offsetFetch(applicationId, sources, false),
    )
    if (committed.some(({ metadata }) => parseCommitMetadata(metadata).replay !== '')) {
      throw new KafkaError('UNSTABLE_OFFSET_COMMIT', 'retriable', 'a replay has not ended')
    }
    const generation = latestGeneration(committed.map(({ metadata }) => metadata))
    return { generation, extents: await changelogExtents(port, clock, task.changelogs) }
  }

  /**
   * Asks Kafka whether what is followed is still what the group uses. Somebody may have deleted a
   * changelog, or replayed while we were thrown out: whoever takes the task over notices, and so
   * should we, or there is no standby.
   */
  async lookAgain(): Promise<void> {
    const { logger } = this.#options
    const { task } = this
    if (task === undefined) return
    try {
      const now = originOf(await this.#look(task))
      if (this.task !== task || now === this.#origin) return
      logger.warn(
        { task: this.id, was: this.#origin, now },
        'what a standby follows is another one',
      )
      await this.#closeAll()
    } catch (error) {
      logger.warn({ task: this.id, err: error }, 'a standby cannot be looked up: later again')
      return
    }
    await this.#keepOpening().catch(this.#options.onBroken)
  }

  /** Applies what has arrived, at most so many records; returns how many. */
  advance(recordsMax: number, bounds: ReplayBounds, nowMs: number): number {
    const { task } = this
    if (task === undefined) return 0
    try {
      const records = task.advance(this.#options.fetcher, recordsMax, bounds)
      if (hasPassed(this.#options.checkpointIntervalMs, this.#writtenAtMs, nowMs)) {
        this.#writtenAtMs = nowMs
        if (task.write()) this.#failures = 0
      }
      return records
    } catch (error) {
      this.#setAside(error)
        .then(() => this.#keepOpening())
        .catch(this.#options.onBroken)
      return 0
    }
  }

  /** Until another attempt may be made. Only our own mistakes are thrown. */
  async #setAside(error: unknown): Promise<void> {
    const { clock, logger, storage } = this.#options
    await this.#closeAll()
    if (!(error instanceof KafkaError) && !isStreamsError(error)) throw error
    if (this.#hasEnded) return
    const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(this.#failures, 10))
    this.#failures += 1
    logger.warn({ task: this.id, err: error, pauseMs }, 'standby fails: it will be opened again')
    if (reactionTo(error) === 'wipe-and-restore') storage.wipe(this.id)
    await clock.sleep(pauseMs, this.#ending.signal)
  }

  #closeAll(): Promise<void> {
    this.#closeTask()
    const open = [...this.#backends.values()]
    this.#backends.clear()
    const before = this.#closing
    this.#closing = before.then(async () => {
      for (const backend of open) await backend.close()
    })
    return this.#closing
  }

  #closeTask(): void {
    const task = this.#task
    this.#task = undefined
    task?.close(this.#options.fetcher)
  }

  /**
   * Ends following. Gives what is open of the local storage, with all that was read in it; nothing
   * where it cannot be written.
   */
  async release(): Promise<Backends> {
    this.#ending.abort()
    try {
      this.task?.write()
    } catch (error) {
      const { logger, storage } = this.#options
      logger.warn({ task: this.id, err: error }, 'a standby cannot be taken over as it is')
      await this.#closeAll()
      if (reactionTo(error) === 'wipe-and-restore') storage.wipe(this.id)
    }
    this.#closeTask()
    await this.#closing
    return this.#backends
  }

  /** Ends following. Without `write` the local storage may be somebody else's by now. */
  async close(write: boolean): Promise<void> {
    if (write) await this.release()
    this.#ending.abort()
    await this.#closeAll()
  }
}

function originOf({ generation, extents }: Look): string {
  const ids = [...extents].map(([key, { topicId }]) => `${key} ${topicId}`)
  return [generation, ...ids.sort()].join('/')
}
