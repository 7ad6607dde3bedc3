import type { Clock } from '../../core/clock.ts'
import { StreamsError } from '../../core/errors.ts'
import { hasPassed } from '../../core/has-passed.ts'
import type { ThreadCounters } from '../../core/metrics.ts'
import type { RecentWork } from '../../core/recent-work.ts'
import { yieldToEventLoop } from '../../core/yield.ts'
import type { SuccessorOf } from '../../kafka/client/generations.ts'
import type { RecordProducer } from '../../kafka/client/producer.ts'
import type { GroupMember } from '../../kafka/port.ts'
import { onBehalfOf } from '../task/failed-task.ts'
import type { Task } from '../task/task.ts'

export interface CommitterOptions {
  readonly clock: Clock
  readonly counters: ThreadCounters
  /** Is told of each commit and how long it took, checkpoints left out. */
  readonly work: RecentWork
  readonly commitIntervalMs: number
  readonly checkpointIntervalMs: number
  readonly dirtyBytesMax: number
  /** As the group knows us now; undefined while it does not. */
  readonly member: () => GroupMember | undefined
  /** The same in a later generation, when the group moved on during a commit. */
  readonly successorOf: SuccessorOf
}

/**
 * When and how a thread commits.
 *
 * flush caches → send outputs and changelog → offsets with member and generation → EndTxn → now and
 * only now may a checkpoint take the changes into the local stores. A crash before EndTxn leaves
 * nothing behind but an aborted transaction; after it, local stores that catch up from the
 * changelog.
 */
export class Committer {
  readonly #options: CommitterOptions
  #committedAtMs: number
  #checkpointedAtMs: number
  #requested = false
  #dirtyBytesMax: number

  constructor(options: CommitterOptions) {
    this.#options = options
    this.#dirtyBytesMax = options.dirtyBytesMax
    this.#committedAtMs = options.clock.nowMs()
    this.#checkpointedAtMs = this.#committedAtMs
  }

  /** A step asked for a commit soon. */
  readonly request = (): void => {
    this.#requested = true
  }

  isDue(tasks: readonly Task[], nowMs: number): boolean {
    if (!tasks.some((task) => task.needsCommit)) return false
    const { commitIntervalMs } = this.#options
    if (this.#requested || hasPassed(commitIntervalMs, this.#committedAtMs, nowMs)) return true
    return this.isFull(tasks)
  }

  /** So much is not in the local stores yet that a commit has to come first. */
  isFull(tasks: readonly Task[]): boolean {
    return dirtyBytes(tasks) >= this.#dirtyBytesMax
  }

  share({ dirtyBytesMax }: { readonly dirtyBytesMax: number }): void {
    this.#dirtyBytesMax = dirtyBytesMax
  }

  /** When the next commit is due if there is something to commit. */
  get dueMs(): number {
    return this.#committedAtMs + this.#options.commitIntervalMs
  }

  /**
   * True when there was something to commit. Rejects with whatever kept the commit from being
   * certain: the caller closes the tasks dirty.
   */
  async commit(tasks: readonly Task[], producer: RecordProducer): Promise<boolean> {
    const { clock, counters } = this.#options
    const member = this.#options.member()
    const toCommit = tasks.filter((task) => task.needsCommit)
    this.#requested = false
    this.#committedAtMs = clock.nowMs()
    if (toCommit.length === 0) return false
    if (member === undefined) {
      throw new StreamsError('TASK_MIGRATED', {
        message: 'the thread is no longer a member of its group',
        hint: 'Nothing to do: it joins again and resumes from what is committed.',
      })
    }
    for (const task of toCommit) onBehalfOf(task.id, () => task.prepareCommit())
    await producer.commit(
      toCommit.flatMap((task) => task.offsetsToCommit()),
      member,
      this.#options.successorOf,
    )
    for (const task of toCommit) task.committed()
    counters.commits += 1
    const nowMs = clock.nowMs()
    this.#options.work.add(nowMs, 1, nowMs - this.#committedAtMs)
    // An answer may come so late that others own the tasks by now, and maybe their files.
    if (this.#options.member() === member) await this.#checkpointIfDue(tasks, producer)
    return true
  }

  async #checkpointIfDue(tasks: readonly Task[], producer: RecordProducer): Promise<void> {
    const { clock, checkpointIntervalMs } = this.#options
    const due = hasPassed(checkpointIntervalMs, this.#checkpointedAtMs, clock.nowMs())
    // At half the bound, so that the bound itself does not force commits one after the other.
    if (!due && dirtyBytes(tasks) < this.#dirtyBytesMax / 2) return
    // The last one goes on at leisure as long as there is room for what it has not written.
    if (tasks.some((task) => task.stores.isCheckpointing) && !this.isFull(tasks)) return
    await this.#finishCheckpoint(tasks)
    this.#beginCheckpoint(tasks, producer)
  }

  #beginCheckpoint(tasks: readonly Task[], producer: RecordProducer): void {
    for (const task of tasks) {
      // Still under way where the group has let go of us meanwhile.
      if (task.stores.isCheckpointing) continue
      onBehalfOf(task.id, () => task.stores.beginCheckpoint((...at) => producer.endOffset(...at)))
    }
    this.#checkpointedAtMs = this.#options.clock.nowMs()
  }

  /**
   * Writes some milliseconds' worth of the checkpoint that is under way, while the tasks are ours;
   * true when there may be more to write at once.
   */
  writeCheckpoint(tasks: readonly Task[]): boolean {
    const task = tasks.find(({ stores }) => stores.isCheckpointing)
    if (task === undefined || this.#options.member() === undefined) return false
    onBehalfOf(task.id, () => task.stores.writeSlice())
    return true
  }

  async #finishCheckpoint(tasks: readonly Task[]): Promise<void> {
    while (this.writeCheckpoint(tasks)) await yieldToEventLoop()
  }

  /**
   * Writes all of it, before tasks are given up. Only right after a commit, when every change of
   * these tasks is committed, and while they are ours.
   */
  async checkpoint(tasks: readonly Task[], producer: RecordProducer): Promise<void> {
    await this.#finishCheckpoint(tasks)
    if (this.#options.member() === undefined) return
    this.#beginCheckpoint(tasks, producer)
    await this.#finishCheckpoint(tasks)
  }
}

const dirtyBytes = (tasks: readonly Task[]): number =>
  tasks.reduce((sum, task) => sum + task.stores.dirtyBytes(), 0)
