import { partitionForKey } from '../kafka/wire/murmur2.ts'
import type { ValueAnswer, ValueQuestion } from '../query/question.ts'
import type { TaskStores } from '../runtime/task/task-stores.ts'
import type { StreamThread } from '../runtime/thread/stream-thread.ts'

/**
 * A store's value for a key, if a running task of this thread owns the key, or else a copy of it
 * where that will do; undefined where it has neither. Of a global store every thread owns every
 * key.
 */
export function findValue(thread: StreamThread, question: ValueQuestion): ValueAnswer | undefined {
  const { store, key, owner, asOfMs, standby } = question
  const global = thread.globalStore(store)
  if (global !== undefined) return { found: global.findBytes(key), lag: undefined }
  const owns = (task: {
    readonly stores: TaskStores
    readonly partition: number
    readonly partitions: number
  }): boolean =>
    task.stores.names.includes(store) && partitionForKey(owner, task.partitions) === task.partition
  const task = thread.tasks.find(owns)
  if (task !== undefined) {
    return { found: task.stores.findBytes(store, key, asOfMs), lag: undefined }
  }
  if (!standby) return undefined
  const copy = thread.standbysOf(store).find((each) => owns(each.task))
  if (copy === undefined) return undefined
  return { found: copy.task.stores.findBytes(store, key, asOfMs), lag: copy.lag }
}
