import type { Clock } from '../../core/clock.ts'
import { isStreamsError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { Offset } from '../../core/record.ts'
import type { ThreadCounters } from '../../core/metrics.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { TopicPartition } from '../../core/topic-partition.ts'
import { COORDINATOR_UNPROVEN } from '../../kafka/client/proven-port.ts'
import { KafkaError } from '../../kafka/port.ts'
import type { StateBackend } from '../../state/backend.ts'
import { memoryBackend } from '../../state/memory/memory-backend.ts'
import type { StoreSpec } from '../../state/store-spec.ts'
import type { AssignedTask } from '../assignment/subscription.ts'
import { reactionTo } from '../reaction.ts'
import { refuseLostLogs } from '../restore/changelog-extents.ts'
import type { Restorer } from '../restore/restorer.ts'
import { latestGeneration } from '../task/commit-metadata.ts'
import { onBehalfOf } from '../task/failed-task.ts'
import type { StartPosition } from '../task/task-options.ts'
import type { Task } from '../task/task.ts'
import type { InputSupply } from './input-supply.ts'
import type { Backends, LocalStorage } from './local-storage.ts'

/** Between attempts to look up what opening a task needs. */
const LOOK_AGAIN_AFTER_MS = 500

interface Slot {
  readonly plan: AssignedTask
  readonly backends: Backends
  state: 'opening' | 'restoring' | 'running' | 'closed'
  task: Task | undefined
  positions: readonly StartPosition[]
}

export interface TaskRegistryOptions {
  readonly supply: InputSupply
  readonly restorer: Restorer
  readonly storage: LocalStorage
  readonly clock: Clock
  readonly counters: ThreadCounters
  readonly logger: Logger
  readonly createTask: (
    plan: AssignedTask,
    backend: (kind: StoreSpec['backend']) => StateBackend,
  ) => Task
  /** Before the first record is processed. */
  readonly prepareOutputs: () => Promise<void>
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

  /** By task, the sum of its changelog positions: of what is in the local storage. */
  positions(): ReadonlyMap<TaskId, Offset> {
    return new Map(
      this.#running.map(({ id, stores }) => [
        id,
        stores.restorations().reduce((sum, { position = 0 }) => sum + position, 0),
      ]),
    )
  }

  stateOf(id: TaskId): 'opening' | 'restoring' | 'running' | 'closed' {
    return this.#slots.get(id)?.state ?? 'closed'
  }

  /** As it was when the task was opened. */
  planOf(id: TaskId): AssignedTask | undefined {
    return this.#slots.get(id)?.plan
  }

  /** `backends`: what is open of the task's local storage already. */
  open(plan: AssignedTask, backends: Backends = new Map()): void {
    const slot: Slot = {
      plan,
      backends,
      state: 'opening',
      task: undefined,
      positions: [],
    }
    this.#slots.set(plan.id, slot)
    this.#options.counters.tasksCreated += 1
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
    const { startPositions, restorer } = this.#options
    const positions = await this.#whileOpening(slot, () => startPositions(slot.plan.sources))
    if (positions === undefined) return
    slot.positions = positions
    const prepared = await this.#whileOpening(slot, async () => {
      await this.#options.prepareOutputs()
      return true
    })
    // Closed since then, perhaps, as this goes on later: nobody would close what is opened now.
    if (prepared === undefined || isClosed(slot)) return
    const task = await this.#create(slot)
    if (task === undefined) return
    const extents = await this.#whileOpening(slot, () => restorer.extentsOf(task))
    if (extents === undefined || isClosed(slot)) return
    const committed = positions.map(({ metadata }) => metadata)
    const generation = latestGeneration(committed)
    refuseLostLogs(task, generation, committed, extents)
    onBehalfOf(slot.plan.id, () => restorer.begin(task, generation, extents))
    slot.state = 'restoring'
  }

  /** What Kafka cannot say now is asked again, for the other tasks' sake; undefined once closed. */
  async #whileOpening<T>(slot: Slot, lookUp: () => Promise<T>): Promise<T | undefined> {
    const { clock, logger } = this.#options
    while (!isClosed(slot)) {
      try {
        const found = await lookUp()
        return isClosed(slot) ? undefined : found
      } catch (error) {
        if (isClosed(slot)) return undefined
        if (reactionTo(error) !== 'migrated' || isUnproven(error)) throw error
        logger.warn({ task: slot.plan.id, err: error }, 'task cannot be opened: trying again')
      }
      await clock.sleep(LOOK_AGAIN_AFTER_MS)
    }
    return undefined
  }

  async #create(slot: Slot): Promise<Task | undefined> {
    const { createTask, storage, logger } = this.#options
    const { plan } = slot
    const create = (): Task => {
      const backend = (kind: StoreSpec['backend']): StateBackend => this.#backend(slot, kind)
      slot.task = onBehalfOf(plan.id, () => createTask(plan, backend))
      return slot.task
    }
    try {
      return create()
    } catch (error) {
      if (!isStreamsError(error) || error.code !== 'STATE_CORRUPTED') throw error
      logger.warn(
        { task: plan.id, err: error },
        'local state cannot be read: rebuilding from changelogs',
      )
      await this.#letGo(slot)
      if (isClosed(slot)) return undefined
      storage.wipe(plan.id)
      return create()
    }
  }

  #backend(slot: Slot, kind: StoreSpec['backend']): StateBackend {
    const open = slot.backends.get(kind)
    if (open !== undefined) return open
    const backend = kind === 'lmdb' ? this.#options.storage.open(slot.plan.id) : memoryBackend()
    slot.backends.set(kind, backend)
    return backend
  }

  /** Replays changelogs and starts what is restored; true when there is more to do at once. */
  advance(): boolean {
    if (this.#failure !== undefined) {
      const failure = this.#failure
      this.#failure = undefined
      throw failure
    }
    const { restorer, supply } = this.#options
    for (const reset of supply.takeResets()) {
      for (const task of this.#running) task.resumeAt(reset)
    }
    const more = restorer.advance()
    for (const slot of this.#slots.values()) {
      const { state, task } = slot
      if (state !== 'restoring' || task === undefined || restorer.isRestoring(task)) continue
      onBehalfOf(task.id, () => this.#start(slot, task))
    }
    return more
  }

  #start(slot: Slot, task: Task): void {
    const { supply, logger } = this.#options
    task.start(slot.positions)
    for (const position of slot.positions) supply.assign(position, position.offset)
    slot.state = 'running'
    this.#running = [...this.#running, task]
    logger.info({ task: task.id }, 'task running')
  }

  /** Drops what is in memory and lets go of the local storage. */
  async close(ids: readonly TaskId[]): Promise<void> {
    for (const id of ids) {
      const slot = this.#end(id)
      if (slot === undefined) continue
      await this.#letGo(slot)
      this.#options.logger.info({ task: id }, 'task closed')
    }
  }

  /** Drops what is in memory of a task, and gives what is open of its local storage. */
  release(id: TaskId): Backends {
    const slot = this.#end(id)
    if (slot !== undefined) this.#options.logger.info({ task: id }, 'task closed')
    return slot?.backends ?? new Map()
  }

  #end(id: TaskId): Slot | undefined {
    const slot = this.#slots.get(id)
    if (slot === undefined) return undefined
    this.#slots.delete(id)
    this.#options.counters.tasksClosed += 1
    slot.state = 'closed'
    for (const source of slot.plan.sources) this.#options.supply.unassign(source)
    this.#closeTask(slot)
    return slot
  }

  #closeTask({ task, plan }: Slot): void {
    if (task === undefined) return
    this.#running = this.#running.filter((each) => each !== task)
    this.#options.restorer.remove(task)
    try {
      task.close()
    } catch (error) {
      // Nothing of the task is left to be harmed, and the others have to be closed too.
      this.#options.logger.error({ task: plan.id, err: error }, 'a step failed to close')
    }
  }

  async #letGo({ backends }: Slot): Promise<void> {
    const closing = [...backends.values()]
    backends.clear()
    for (const backend of closing) await backend.close()
  }
}

/** To ask again is no use: the proof is a transaction, for which all work is abandoned. */
const isUnproven = (error: unknown): boolean =>
  error instanceof KafkaError && error.code === COORDINATOR_UNPROVEN

/** The state as it is now: it may have changed while something was awaited. */
const isClosed = (slot: Slot): boolean => slot.state === 'closed'
