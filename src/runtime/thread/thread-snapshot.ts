import type { ThreadCounters } from '../../core/metrics.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { Fetcher } from '../../kafka/client/fetcher.ts'
import type { GlobalProgress } from '../global/global-reader.ts'
import type { RestoreProgress } from '../restore/restorer.ts'
import type { Task } from '../task/task.ts'
import type { ThreadState } from './thread-state.ts'

export interface ThreadSnapshot {
  readonly state: ThreadState
  readonly counters: Readonly<ThreadCounters>
  readonly tasks: readonly { readonly id: TaskId; readonly state: string }[]
  /** Committed input records not yet processed, as far as is known. */
  readonly lag: number
  readonly restoring: readonly RestoreProgress[]
  readonly globals: readonly GlobalProgress[]
}

/** Committed input records that these tasks have not processed, as far as the fetcher knows. */
export function lagOf(tasks: readonly Task[], fetcher: Fetcher): number {
  let lag = 0
  for (const task of tasks) {
    for (const { topic, partition, offset } of task.positions()) {
      const watermarks = fetcher.watermarks(topic, partition)
      if (watermarks !== undefined) lag += Math.max(0, watermarks.lastStableOffset - offset)
    }
  }
  return lag
}
