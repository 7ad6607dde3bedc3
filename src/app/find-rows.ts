import { partitionForKey } from '../kafka/wire/murmur2.ts'
import { merged, scanStore, type FoundRows, type Scan } from '../query/scan.ts'
import type { StreamThread } from '../runtime/thread/stream-thread.ts'
import { storeSpecOf, type Topology } from '../topology/topology.ts'

/** What a thread has of the rows that were asked for. */
export interface ThreadRows extends FoundRows {
  /** Its running tasks that were looked at: none of them means that it can say nothing. */
  readonly tasks: number
  /** Every thread has all of them, and one answer is enough. */
  readonly isGlobal: boolean
}

/** The rows of this thread's running tasks; of a key's windows, of the task that owns the key. */
export function findRows(
  topology: Topology,
  thread: StreamThread,
  store: string,
  scan: Scan,
  limit: number,
): ThreadRows {
  const spec = storeSpecOf(topology, store)
  const nothing = { rows: [], complete: true, tasks: 0, isGlobal: false }
  if (spec === undefined) return nothing
  const global = thread.globalStore(store)
  if (global !== undefined) {
    return { ...scanStore(spec, global.view, scan, limit), tasks: 1, isGlobal: true }
  }
  const tasks = thread.tasks.filter(
    (task) =>
      task.stores.names.includes(store) &&
      (scan.kind !== 'fetch' || partitionForKey(scan.key, task.partitions) === task.partition),
  )
  if (tasks.length === 0) return nothing
  const answers = tasks.map((task) => scanStore(spec, task.stores.store(store), scan, limit))
  return { ...merged(answers, scan, limit), tasks: tasks.length, isGlobal: false }
}
