import type { Offset } from '../../core/record.ts'
import type { BatchRun } from './batch-run.ts'

export const NO_LEADER = -1

export interface Watermarks {
  readonly highWatermark: Offset
  readonly lastStableOffset: Offset
  readonly logStartOffset: Offset
  /** When the broker said so, by our clock. */
  readonly heardMs: number
}

/**
 * A partition that is being fetched: from where, by whom, and what has arrived and was not taken.
 */
export class AssignedPartition {
  readonly topic: string
  readonly partition: number
  /** The next offset to ask for. */
  position: Offset
  /** As if the partition ended here. */
  readonly until: Offset
  leader = NO_LEADER
  /** After a failure, until it is tried again. */
  resting = false
  /** In a row. */
  failures = 0
  /** Why fetching has stopped for good; thrown once what arrived before is taken. */
  failure: unknown
  watermarks: Watermarks | undefined
  /** Has no room, so it is not asked for until something is taken. */
  leftOut = false
  /** Somebody wanted to take something, and there was nothing. */
  awaited = false
  untakenBytes = 0
  readonly #runs: BatchRun[] = []

  constructor(topic: string, partition: number, position: Offset, until: Offset) {
    this.topic = topic
    this.partition = partition
    this.position = position
    this.until = until
  }

  /** There is nothing more to be had, whatever comes. */
  get isAtEnd(): boolean {
    return this.position >= this.until
  }

  get isWaitingForLeader(): boolean {
    return this.leader === NO_LEADER && this.#isWanted
  }

  get #isWanted(): boolean {
    return !this.resting && this.failure === undefined && !this.isAtEnd
  }

  get isFetchable(): boolean {
    return this.leader !== NO_LEADER && this.#isWanted
  }

  arrived(run: BatchRun): void {
    this.#runs.push(run)
    this.awaited = false
    this.untakenBytes += run.sizeBytes
  }

  take(): BatchRun | undefined {
    const run = this.#runs.shift()
    if (run === undefined) {
      if (this.failure !== undefined) throw this.failure
      return undefined
    }
    this.untakenBytes -= run.sizeBytes
    return run
  }
}
