import { RecentValues, type ValueRange } from '../../core/recent-values.ts'
import { RecentWork, type WorkRate } from '../../core/recent-work.ts'

/** How often values that grow old are looked at. */
const MOVE_ON_MS = 1_000

/** What went through a step, or came out of a source. */
export class NodeVitals {
  processed = 0
  /**
   * From the timestamp of a record until it has come here, by KIP-613; of sources, and of steps
   * that nothing follows.
   */
  readonly latency: RecentValues | undefined

  constructor(latency: RecentValues | undefined) {
    this.latency = latency
  }
}

export interface NodeSnapshot {
  readonly node: string
  readonly processed: number
  /** Milliseconds; undefined where it is not measured. */
  readonly latency: ValueRange | undefined
}

/** How a task is doing. */
export interface TaskSnapshot {
  readonly processed: number
  readonly dropped: number
  /** Records, timers included, of the last 30 to 60 seconds. */
  readonly processing: WorkRate
  /** How far records lay behind the stream time, milliseconds. */
  readonly lateness: ValueRange
  readonly nodes: readonly NodeSnapshot[]
}

/**
 * What one task counts. Nobody reads a clock for a record: what is measured by it takes the time at
 * which the task's turn began, as Kafka Streams does.
 */
export class TaskVitals {
  processed = 0
  dropped = 0
  readonly lateness: RecentValues
  readonly #work: RecentWork
  readonly #nodes = new Map<string, NodeVitals>()
  #nowMs: number
  #movedOnMs: number

  constructor(nowMs: number) {
    this.#nowMs = nowMs
    this.#movedOnMs = nowMs
    this.lateness = new RecentValues(nowMs)
    this.#work = new RecentWork(nowMs)
  }

  /** When the turn began, wall clock. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Of a step; `isEnd`: it is a source, or nothing follows it. */
  node(name: string, isEnd: boolean): NodeVitals {
    let node = this.#nodes.get(name)
    if (node === undefined) {
      node = new NodeVitals(isEnd ? new RecentValues(this.#nowMs) : undefined)
      this.#nodes.set(name, node)
    }
    return node
  }

  /** A turn of the task begins. */
  turn(nowMs: number): void {
    this.#nowMs = nowMs
    if (Math.abs(nowMs - this.#movedOnMs) < MOVE_ON_MS) return
    this.#movedOnMs = nowMs
    this.lateness.moveOn(nowMs)
    for (const { latency } of this.#nodes.values()) latency?.moveOn(nowMs)
  }

  /** So many records and timers were done by now, in so many milliseconds. */
  worked(nowMs: number, count: number, ms: number): void {
    this.#work.add(nowMs, count, ms)
  }

  snapshot(nowMs: number): TaskSnapshot {
    return {
      processed: this.processed,
      dropped: this.dropped,
      processing: this.#work.at(nowMs),
      lateness: this.lateness.at(nowMs),
      nodes: [...this.#nodes].map(([node, { processed, latency }]) => ({
        node,
        processed,
        latency: latency?.at(nowMs),
      })),
    }
  }
}
