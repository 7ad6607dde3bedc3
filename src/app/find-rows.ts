import type { TaskId } from '../core/task-id.ts'
import { partitionForKey } from '../kafka/wire/murmur2.ts'
import { furthestBehind, type RowsAnswer, type RowsQuestion } from '../query/question.ts'
import { merged, scanStore } from '../query/scan.ts'
import type { TaskStores } from '../runtime/task/task-stores.ts'
import type { StreamThread } from '../runtime/thread/stream-thread.ts'
import { storeSpecOf, type Topology } from '../topology/topology.ts'

/** A task, or a copy of one, whose rows are looked at. */
interface Part {
  readonly task: {
    readonly id: TaskId
    readonly stores: TaskStores
    readonly partition: number
    readonly partitions: number
  }
  readonly lag: number | undefined
}

/**
 * The rows of this thread's running tasks, and of its copies of others where those will do; of a
 * key's windows, of the task that owns the key.
 */
export function findRows(
  topology: Topology,
  thread: StreamThread,
  question: RowsQuestion,
): RowsAnswer {
  const { store, scan, limit, partitions, standby } = question
  const spec = storeSpecOf(topology, store)
  const nothing = { rows: [], complete: true, tasks: [], isGlobal: false, lag: undefined }
  if (spec === undefined) return nothing
  const global = thread.globalStore(store)
  if (global !== undefined) {
    return { ...nothing, ...scanStore(spec, global.view, scan, limit), isGlobal: true }
  }
  const copies: readonly Part[] = standby ? thread.standbysOf(store) : []
  const all: readonly Part[] = [
    ...thread.tasks.map((task) => ({ task, lag: undefined })),
    ...copies,
  ]
  const parts = all.filter(
    ({ task }) =>
      task.stores.names.includes(store) &&
      (partitions === undefined || partitions.includes(task.partition)) &&
      (scan.kind !== 'fetch' || partitionForKey(scan.key, task.partitions) === task.partition),
  )
  if (parts.length === 0) return nothing
  const answers = parts.map(({ task }) => scanStore(spec, task.stores.store(store), scan, limit))
  return {
    ...merged(answers, scan, limit),
    tasks: parts.map(({ task }) => task.id),
    isGlobal: false,
    lag: parts.map(({ lag }) => lag).reduce(furthestBehind, undefined),
  }
}
