import type { Offset } from '../../core/record.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { StateBackend } from '../../state/backend.ts'
import type { StoreSpec } from '../../state/store-spec.ts'

/** Where a thread keeps its copy of the global stores. */
export type GlobalPlace = `global-${number}`

export const globalPlace = (threadIndex: number): GlobalPlace => `global-${threadIndex}`

/** What has local storage of its own. */
export type Place = TaskId | GlobalPlace

export const isTask = (place: Place): place is TaskId => !place.startsWith('global-')

/** What is open of a task's local storage. */
export type Backends = Map<StoreSpec['backend'], StateBackend>

/** Where a process keeps persistent stores. */
export interface LocalStorage {
  /**
   * One at a time: whoever had it open has closed it. Throws `STATE_CORRUPTED` where it cannot be
   * read.
   */
  readonly open: (place: Place) => StateBackend
  readonly wipe: (place: Place) => void
  /** Tasks that have something stored here. */
  readonly tasks: () => readonly TaskId[]
  /** About how far its stores are, all changelog positions together; 0 where it is not known. */
  readonly position: (task: TaskId) => Offset
}
