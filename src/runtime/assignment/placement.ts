import type { TaskId } from '../../core/task-id.ts'
import type { Seat } from './seats.ts'

/** Where each task is to be, before anybody has given anything up. */
export interface Placement {
  /** Every task. */
  readonly active: ReadonlyMap<TaskId, Seat>
  /** In processes of their own, none of which has the task active. */
  readonly standbys: ReadonlyMap<TaskId, readonly Seat[]>
  /** Where the copy of a task is made ready to move there; some are standbys anyway. */
  readonly warmUps: ReadonlyMap<TaskId, Seat>
}
