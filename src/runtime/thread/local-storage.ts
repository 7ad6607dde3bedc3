import type { TaskId } from '../../core/task-id.ts'
import type { StateBackend } from '../../state/backend.ts'

/** Where a thread keeps its copy of the global stores. */
export type GlobalPlace = `global-${number}`

export const globalPlace = (threadIndex: number): GlobalPlace => `global-${threadIndex}`

/** What has local storage of its own. */
export type Place = TaskId | GlobalPlace

export const isTask = (place: Place): place is TaskId => !place.startsWith('global-')

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
}
