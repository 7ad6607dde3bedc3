import type { ThreadCounters } from '../../core/metrics.ts'
import type { WorkRate } from '../../core/recent-work.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { TopicPartition } from '../../core/topic-partition.ts'
import type { Fetcher } from '../../kafka/client/fetcher.ts'
import type { GlobalProgress } from '../global/global-reader.ts'
import type { RestoreProgress } from '../restore/restorer.ts'
import type { StandbyLag } from '../task/standby-task.ts'
import type { StoreVitals } from '../task/task-stores.ts'
import type { TaskSnapshot } from '../task/task-vitals.ts'
import type { Task } from '../task/task.ts'
import type { ThreadState } from './thread-state.ts'

/** What a thread does at a moment: for a person who looks, not for programs. */
export interface ThreadSnapshot {
  /** Its number in the process, from 0. */
  readonly thread: number
  readonly state: ThreadState
  readonly counters: Readonly<ThreadCounters>
  readonly tasks: readonly { readonly id: TaskId; readonly state: string }[]
  /** Committed input records not yet processed, as far as is known. */
  readonly lag: number
  /** The same by input partition of the running tasks. */
  readonly inputs: readonly InputLag[]
  /** Of the running tasks. */
  readonly work: readonly TaskWork[]
  readonly stores: readonly StoreSize[]
  readonly restoring: readonly RestoreProgress[]
  readonly globals: readonly GlobalProgress[]
  /** Tasks that others run, and whose changelogs this thread follows. */
  readonly standbys: readonly StandbyProgress[]
  /** Records, timers included, of the last 30 to 60 seconds. */
  readonly processing: WorkRate
  /** Commits of the last 30 to 60 seconds. */
  readonly committing: WorkRate
  /** Wall-clock callbacks, those of a task that came due together counted as one. */
  readonly punctuating: WorkRate
  /** Times that the loop waited for something to do. */
  readonly idling: WorkRate
  /** Changelog records a second, into stores and into standbys. */
  readonly restoreRate: number
  readonly followRate: number
  /** Produced and not acknowledged yet. */
  readonly sendBufferBytes: number
  /** Of the thread's heap, in use; undefined where the thread is not one of Node's. */
  readonly heapBytes?: number
  /** How long ago the loop began its last turn; it has to come round again and again. */
  readonly sinceTurnMs: number
}

export interface StandbyProgress {
  readonly task: TaskId
  readonly state: 'opening' | 'following'
  /** None while it is opening. */
  readonly stores: readonly StandbyLag[]
}

export interface InputLag extends TopicPartition {
  readonly task: TaskId
  /** Committed records not yet processed; undefined while the broker has not been heard. */
  readonly lag: number | undefined
}

export interface TaskWork extends TaskSnapshot {
  readonly task: TaskId
  /** Input that is fetched and not taken yet. */
  readonly inputBufferBytes: number
  /** Files of its local storage. */
  readonly diskBytes: number
}

export interface StoreSize extends StoreVitals {
  readonly task: TaskId
}

/** Committed input records that these tasks have not processed, as far as the fetcher knows. */
export const inputsOf = (tasks: readonly Task[], fetcher: Fetcher): readonly InputLag[] =>
  tasks.flatMap((task) =>
    task.positions().map(({ topic, partition, offset }) => {
      const watermarks = fetcher.watermarks(topic, partition)
      const lag = watermarks && Math.max(0, watermarks.lastStableOffset - offset)
      return { task: task.id, topic, partition, lag }
    }),
  )

export const lagOf = (inputs: readonly InputLag[]): number =>
  inputs.reduce((sum, { lag = 0 }) => sum + lag, 0)

export const workOf = (task: Task, fetcher: Fetcher, nowMs: number): TaskWork => ({
  task: task.id,
  ...task.vitals.snapshot(nowMs),
  inputBufferBytes: task
    .positions()
    .reduce((sum, { topic, partition }) => sum + fetcher.bufferedBytes(topic, partition), 0),
  diskBytes: task.stores.diskBytes(),
})

export const storesOf = (tasks: readonly Task[]): readonly StoreSize[] =>
  tasks.flatMap(({ id, stores }) => stores.sizes().map((size) => ({ task: id, ...size })))
