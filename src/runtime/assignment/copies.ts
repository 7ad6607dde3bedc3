import type { TaskId } from '../../core/task-id.ts'
import type { AssignableTask, ProcessShare, Seat } from './seats.ts'

/** Offsets of a task's changelogs, summed over its stores. */
export interface ChangelogExtent {
  readonly from: number
  readonly to: number
}

/** Tasks that are not in it have changelogs that could not be asked for, or none. */
export type ChangelogExtents = ReadonlyMap<TaskId, ChangelogExtent>

/**
 * How good a copy of each task's state the processes have: what they said with JoinGroup against
 * what the changelogs hold now. Where that is not known, every process may run a task, and stored
 * positions are all there is to compare.
 */
export class Copies {
  readonly #extents: ChangelogExtents
  readonly #acceptableLag: number

  constructor(extents: ChangelogExtents, acceptableLag: number) {
    this.#extents = extents
    this.#acceptableLag = acceptableLag
  }

  /**
   * Changelog records that the process has to read before it can run the task: 0 for who runs it
   * now. Where it is not known, only the order counts, and no copy at all is infinite.
   */
  lag({ owned, caughtUp, stored }: ProcessShare, { id }: AssignableTask): number {
    const extent = this.#extents.get(id)
    const position = stored.get(id)
    if (extent === undefined) return position === undefined ? Infinity : -position
    if (owned.has(id)) return 0
    const all = extent.to - extent.from
    // Beyond the end: of another changelog, so it is to be read in full.
    const isUsable = position !== undefined && position <= extent.to
    const lag = isUsable ? Math.min(all, extent.to - position) : all
    return caughtUp.has(id) ? Math.min(lag, this.#acceptableLag) : lag
  }

  /** Whether lags are known. */
  knows({ id }: AssignableTask): boolean {
    return this.#extents.has(id)
  }

  /** Whether the task could run there at once, or nobody can tell. */
  isReady(process: ProcessShare, task: AssignableTask): boolean {
    return !this.#extents.has(task.id) || this.lag(process, task) <= this.#acceptableLag
  }

  /**
   * Of these seats, those of processes from which the task should not move to a copy like the
   * given one: they are ready, or at least much closer to it. None where the copy is good enough,
   * or is being restored to run the task, which only a ready one does at once.
   */
  better(target: Seat, task: AssignableTask, among: readonly Seat[]): readonly Seat[] {
    if (!task.stateful || this.isReady(target.process, task)) return []
    const ready = among.filter(({ process }) => this.isReady(process, task))
    if (ready.length > 0) return ready
    if (target.process.claimed.has(task.id)) return []
    const lag = this.lag(target.process, task)
    const least = among.reduce((min, { process }) => Math.min(min, this.lag(process, task)), lag)
    if (lag - least <= this.#acceptableLag) return []
    return among.filter(({ process }) => this.lag(process, task) === least)
  }
}
