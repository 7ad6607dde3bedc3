import type { TaskId } from '../../core/task-id.ts'
import type { StateBackend } from '../../state/backend.ts'
import type { StoreSpec } from '../../state/store-spec.ts'
import type { AssignedTask } from '../assignment/subscription.ts'
import type { TaskOptions } from '../task/task-options.ts'
import { Task } from '../task/task.ts'
import { storeCount } from './store-count.ts'
import type { MemoryShare, ThreadConfig } from './thread-config.ts'

/** What every task of a thread is made of. */
export interface TaskFactoryOptions extends Pick<
  TaskOptions,
  | 'topology'
  | 'supply'
  | 'clock'
  | 'logger'
  | 'globalStore'
  | 'collector'
  | 'counters'
  | 'openSerde'
  | 'tracing'
  | 'onCommitRequest'
> {
  readonly config: ThreadConfig
}

/** Makes the tasks of a thread, whose stores share the memory that the thread may take. */
export class TaskFactory {
  readonly #options: TaskFactoryOptions
  #memory: MemoryShare
  /** To be opened without a record cache, until they have committed. */
  readonly #uncached = new Set<TaskId>()

  constructor(options: TaskFactoryOptions) {
    this.#options = options
    this.#memory = options.config
  }

  /** For tasks that are made from now on. */
  share(memory: MemoryShare): void {
    this.#memory = memory
  }

  /** `held`: all tasks that the thread holds, this one included. */
  create(
    plan: AssignedTask,
    backend: (kind: StoreSpec['backend']) => StateBackend,
    held: readonly TaskId[],
  ): Task {
    const { config, ...shared } = this.#options
    const { topology } = shared
    const { cacheMaxBytes, readCacheMaxBytes } = this.#memory
    // All stores of the thread share what it may take; who comes later finds the others here.
    const stores = Math.max(1, storeCount(topology, held))
    const isUncached = this.#uncached.has(plan.id)
    return new Task({
      ...plan,
      ...shared,
      backend,
      applicationId: config.applicationId,
      cacheMaxBytes: isUncached ? 0 : Math.floor(cacheMaxBytes / stores),
      readCacheMaxBytes: Math.floor(readCacheMaxBytes / (stores + topology.globals.length)),
      maxTaskIdleMs: config.maxTaskIdleMs,
    })
  }

  /** From now on this task is made without a record cache. */
  withoutCache(id: TaskId): void {
    this.#uncached.add(id)
  }

  /**
   * These have committed, and may have a cache again. Not before: when two tasks fail in turn, each
   * has to stay without until both are through.
   */
  committed(tasks: readonly Task[]): void {
    for (const { id } of tasks) this.#uncached.delete(id)
  }
}
