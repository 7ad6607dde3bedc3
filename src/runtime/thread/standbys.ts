import type { ThreadCounters } from '../../core/metrics.ts'
import type { Offset } from '../../core/record.ts'
import type { TaskId } from '../../core/task-id.ts'
import { Fetcher } from '../../kafka/client/fetcher.ts'
import type { AssignedTask } from '../assignment/subscription.ts'
import type { ReplayBounds } from '../restore/store-replay.ts'
import type { StandbyTask } from '../task/standby-task.ts'
import type { Backends } from './local-storage.ts'
import { StandbySlot, type StandbySlotOptions } from './standby-slot.ts'
import type { StandbyProgress } from './thread-snapshot.ts'

/** Changelogs are read beside the input of tasks, which must not be starved of memory. */
const BUFFER_BYTES_MAX = 8 * 1024 * 1024
/**
 * What is read and not written keeps fetched buffers in memory: a bound on those, of all stores.
 */
const READ_BYTES_MAX = 16 * 1024 * 1024
const READ_SHARE_BYTES_MIN = 256 * 1024
/** One local transaction takes some five milliseconds: so long the loop waits for it. */
const ROWS_MAX = 2_048
const ROWS_BYTES_MAX = 1024 * 1024
/** Records of a task that are applied before the clock is looked at. */
const RECORDS_PER_SLICE = 256
/** How long a turn may take where the thread has nothing else to do, and where it has. */
const TURN_MS = 10
const BUSY_TURN_MS = 2
/** For a clock that stands still while a turn lasts. */
const RECORDS_PER_TURN_MAX = 20_000
/** How often Kafka is asked whether what is followed is still what the group uses. */
const LOOK_EVERY_MS = 60_000

export interface StandbysOptions extends Omit<StandbySlotOptions, 'fetcher' | 'onBroken'> {
  /** Changelog records that a copy may lack and still be ready to take over. */
  readonly acceptableLag: number
  readonly counters: ThreadCounters
}

/** What can be read of a task that others run. */
export interface StandbyCopy {
  readonly task: StandbyTask
  /** Changelog offsets that it lacks; infinite while they are not known. */
  readonly lag: number
}

/**
 * The tasks whose changelogs a thread follows, so that it can take them over at once. They come
 * last: after the tasks that it runs, and after the restore of those.
 */
export class Standbys {
  readonly #options: StandbysOptions
  readonly #fetcher: Fetcher
  readonly #slots = new Map<TaskId, StandbySlot>()
  #next = 0
  #lookedAtMs: number
  #isLooking = false
  #failure: unknown

  constructor(options: StandbysOptions) {
    this.#options = options
    this.#lookedAtMs = options.clock.nowMs()
    this.#fetcher = new Fetcher({
      ...options,
      isolation: 'read_committed',
      onArrival: options.onEvent,
      bufferBytesMax: BUFFER_BYTES_MAX,
    })
  }

  /** Every task that is followed, or is to be once it is open. */
  get ids(): readonly TaskId[] {
    return [...this.#slots.keys()]
  }

  /** Those that can be read. */
  get following(): readonly StandbyTask[] {
    return [...this.#slots.values()].flatMap(({ task }) => task ?? [])
  }

  /** To be read, once all that has arrived of their changelogs is written. */
  copiesOf(store: string): readonly StandbyCopy[] {
    return this.following
      .filter(({ stores }) => stores.names.includes(store))
      .map((task) => {
        task.write()
        return { task, lag: this.#lagOf(task) }
      })
  }

  planOf(id: TaskId): AssignedTask | undefined {
    return this.#slots.get(id)?.plan
  }

  /** `backends`: what is open of the task's local storage already. */
  open(plan: AssignedTask, backends: Backends = new Map()): void {
    const options = { ...this.#options, fetcher: this.#fetcher, onBroken: this.#noteFailure }
    this.#slots.set(plan.id, new StandbySlot(options, plan, backends))
  }

  readonly #noteFailure = (error: unknown): void => {
    this.#failure ??= error
    this.#options.onEvent()
  }

  /**
   * Applies what has arrived; true when there may be more at once. `isBusy`: the thread has other
   * things to do.
   */
  advance(isBusy: boolean): boolean {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#slots.size === 0) return false
    const nowMs = this.#options.clock.nowMs()
    if (nowMs >= this.#lookedAtMs + LOOK_EVERY_MS) void this.#look()
    return this.#follow(nowMs, nowMs + (isBusy ? BUSY_TURN_MS : TURN_MS))
  }

  /** It begins where it ended the last time, so that each of them gets its turn. */
  #follow(startMs: number, untilMs: number): boolean {
    const { clock, counters } = this.#options
    const slots = [...this.#slots.values()]
    const bounds = this.#bounds(slots)
    let nowMs = startMs
    let left = RECORDS_PER_TURN_MAX
    for (let idle = 0; idle < slots.length && left > 0 && nowMs <= untilMs;) {
      const slot = slots[this.#next % slots.length] as StandbySlot
      this.#next = (this.#next + 1) % slots.length
      const records = slot.advance(RECORDS_PER_SLICE, bounds, nowMs)
      idle = records === 0 ? idle + 1 : 0
      counters.followed += records
      left -= records
      nowMs = clock.nowMs()
    }
    return left < RECORDS_PER_TURN_MAX
  }

  #bounds(slots: readonly StandbySlot[]): ReplayBounds {
    const stores = slots.reduce((sum, { task }) => sum + (task?.stores.names.length ?? 0), 1)
    const readBytesMax = Math.max(READ_SHARE_BYTES_MIN, READ_BYTES_MAX / stores)
    return { rowsMax: ROWS_MAX, bytesMax: ROWS_BYTES_MAX, readBytesMax }
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      for (const slot of [...this.#slots.values()]) await slot.lookAgain()
    } finally {
      this.#lookedAtMs = this.#options.clock.nowMs()
      this.#isLooking = false
    }
  }

  progress(): readonly StandbyProgress[] {
    return [...this.#slots].map(([id, { task }]) => ({
      task: id,
      state: task === undefined ? 'opening' : 'following',
      stores: task?.lags(this.#fetcher) ?? [],
    }))
  }

  /** Those that lack so little that they can take over. */
  get caughtUp(): readonly TaskId[] {
    return this.following.filter((task) => this.#isCaughtUp(task)).map(({ id }) => id)
  }

  #isCaughtUp(task: StandbyTask): boolean {
    return this.#lagOf(task) <= this.#options.acceptableLag
  }

  #lagOf(task: StandbyTask): number {
    return task.lags(this.#fetcher).reduce((sum, { lag = Infinity }) => sum + lag, 0)
  }

  /** By task, the sum of its changelog positions. */
  positions(): ReadonlyMap<TaskId, Offset> {
    return new Map(this.following.map(({ id, position }) => [id, position]))
  }

  /** Ends following a task, which is to run here: gives what is open of its local storage. */
  async release(id: TaskId): Promise<Backends> {
    const slot = this.#slots.get(id)
    this.#slots.delete(id)
    return (await slot?.release()) ?? new Map()
  }

  /** Without `write`: somebody else may have the local storage by now. */
  async close(ids: readonly TaskId[], write: boolean): Promise<void> {
    for (const id of ids) {
      const slot = this.#slots.get(id)
      this.#slots.delete(id)
      await slot?.close(write)
      this.#options.logger.info({ task: id }, 'standby closed')
    }
  }

  async closeAll(write: boolean): Promise<void> {
    await this.close(this.ids, write)
  }

  async end(write: boolean): Promise<void> {
    await this.closeAll(write)
    await this.#fetcher.close()
  }
}
