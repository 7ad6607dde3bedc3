import { partitionForKey } from '../kafka/wire/murmur2.ts'
import type { StreamThread } from '../runtime/thread/stream-thread.ts'
import type { FoundValue } from './thread-messages.ts'

/**
 * A store's value for a key (bytes) if a running task of this thread owns the key; of a global
 * store every thread owns every key. `owner` is what the partition of the key was chosen by.
 */
export function findValue(
  thread: StreamThread,
  store: string,
  key: Uint8Array,
  owner = key,
): { readonly owned: boolean; readonly found: FoundValue | undefined } {
  const global = thread.globalStore(store)
  if (global !== undefined) return { owned: true, found: global.findBytes(key) }
  for (const task of thread.tasks) {
    if (!task.stores.names.includes(store)) continue
    if (partitionForKey(owner, task.partitions) !== task.partition) continue
    return { owned: true, found: task.stores.findBytes(store, key) }
  }
  return { owned: false, found: undefined }
}
