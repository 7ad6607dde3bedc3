import type { TaskId } from '../../core/task-id.ts'
import type { StateBackend } from '../../state/backend.ts'

/** Where a process keeps the persistent stores of its tasks. */
export interface LocalStorage {
  /**
   * One at a time: whoever had it open has closed it. Throws `STATE_CORRUPTED` where it cannot be
   * read.
   */
  readonly open: (task: TaskId) => StateBackend
  readonly wipe: (task: TaskId) => void
  /** Tasks that have something stored here. */
  readonly tasks: () => readonly TaskId[]
}
