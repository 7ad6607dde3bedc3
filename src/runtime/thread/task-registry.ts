import type { Logger } from '../../core/logger.ts'
import { isStreamsError } from '../../core/errors.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { TopicPartition } from '../../core/topic-partition.ts'
import type { Fetcher } from '../../kafka/client/fetcher.ts'
import type { StateBackend } from '../../state/backend.ts'
import { memoryBackend } from '../../state/memory/memory-backend.ts'
import type { StoreSpec } from '../../state/store-spec.ts'
import type { Restorer } from '../restore/restorer.ts'
import type { AssignedTask } from '../assignment/subscription.ts'
import type { StartPosition, Task } from '../task/task.ts'
import type { LocalStorage } from './local-storage.ts'

type Backends = Map<StoreSpec['backend'], StateBackend>

interface Slot {
  readonly plan: AssignedTask
  readonly backends: Backends
  state: 'opening' | 'restoring' | 'running' | 'closed'
  task: Task | undefined
  positions: readonly StartPosition[]
}

export interface TaskRegistryOptions {
  readonly fetcher: Fetcher
  readonly restorer: Restorer
  readonly storage: LocalStorage
  readonly logger: Logger
  readonly createTask: (
    plan: AssignedTask,
    backend: (kind: StoreSpec['backend']) => StateBackend,
  ) => Task
  readonly startPositions: (sources: readonly TopicPartition[]) => Promise<readonly StartPosition[]>
  /** Something to do for `advance`. */
  readonly onEvent: () => void
}

/**
 * The tasks of one thread: opening → restoring → running → closed. Opening waits for Kafka in the
 * background, so that running tasks go on.
 */
export class TaskRegistry {
  readonly #options: TaskRegistryOptions
  readonly #slots = new Map<TaskId, Slot>()
  #running: readonly Task[] = []
  #failure: unknown

  constructor(options: TaskRegistryOptions) {
    this.#options = options
  }

  /** Every task this thread holds, in whatever state. */
  get ids(): readonly TaskId[] {
    return [...this.#slots.keys()]
  }

  get running(): readonly Task[] {
    return this.#running
  }

  get allRunning(): boolean {
    return this.#running.length === this.#slots.size
  }

  stateOf(id: TaskId): 'opening' | 'restoring' | 'running' | 'closed' {
    return this.#slots.get(id)?.state ?? 'closed'
  }

  open(plan: AssignedTask): void {
    const slot: Slot = {
      plan,
      backends: new Map(),
      state: 'opening',
      task: undefined,
      positions: [],
    }
    this.#slots.set(plan.id, slot)
    this.#open(slot)
      .catch((error: unknown) => {
        if (slot.state !== 'closed') this.#failure ??= error
      })
      .finally(this.#options.onEvent)
  }

  /**
   * Input offsets first: only when no transaction is open over them do the changelogs hold all that
   * belongs to them (KIP-447).
   */
  async #open(slot: Slot): Promise<void> {
    const { startPositions, createTask, restorer } = this.#options
    slot.positions = await startPositions(slot.plan.sources)
    if (isClosed(slot)) return
    slot.task = createTask(slot.plan, (kind) => this.#backend(slot, kind))
    await restorer.add(slot.task)
    if (isClosed(slot)) restorer.remove(slot.task)
    else slot.state = 'restoring'
  }

  #backend(slot: Slot, kind: StoreSpec['backend']): StateBackend {
    const open = slot.backends.get(kind)
    if (open !== undefined) return open
    const backend = kind === 'lmdb' ? this.#openPersistent(slot.plan.id) : memoryBackend()
    slot.backends.set(kind, backend)
    return backend
  }

  #openPersistent(id: TaskId): StateBackend {
    const { storage, logger } = this.#options
    try {
      return storage.open(id)
    } catch (error) {
      if (!isStreamsError(error) || error.code !== 'STATE_CORRUPTED') throw error
      logger.warn(
        { task: id, err: error },
        'local state cannot be read: rebuilding from changelogs',
      )
      storage.wipe(id)
      return storage.open(id)
    }
  }

  /** Replays changelogs and starts what is restored; true when there is more to do at once. */
  advance(): boolean {
    if (this.#failure !== undefined) {
      const failure = this.#failure
      this.#failure = undefined
      throw failure
    }
    const { restorer, fetcher, logger } = this.#options
    const more = restorer.advance()
    for (const slot of this.#slots.values()) {
      if (slot.state !== 'restoring' || slot.task === undefined) continue
      if (restorer.isRestoring(slot.task)) continue
      slot.task.start(slot.positions)
      for (const { topic, partition, offset } of slot.positions) {
        fetcher.assign(topic, partition, offset)
      }
      slot.state = 'running'
      this.#running = [...this.#running, slot.task]
      logger.info({ task: slot.plan.id }, 'task running')
    }
    return more
  }

  /** Drops what is in memory and lets go of the local storage. */
  async close(ids: readonly TaskId[]): Promise<void> {
    for (const id of ids) {
      const slot = this.#slots.get(id)
      if (slot === undefined) continue
      this.#slots.delete(id)
      slot.state = 'closed'
      for (const { topic, partition } of slot.plan.sources) {
        this.#options.fetcher.unassign(topic, partition)
      }
      if (slot.task !== undefined) {
        this.#running = this.#running.filter((task) => task !== slot.task)
        this.#options.restorer.remove(slot.task)
        slot.task.close()
      }
      for (const backend of slot.backends.values()) await backend.close()
      this.#options.logger.info({ task: id }, 'task closed')
    }
  }
}

/** The state as it is now: it may have changed while something was awaited. */
const isClosed = (slot: Slot): boolean => slot.state === 'closed'
