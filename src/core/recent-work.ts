/** As in Kafka Streams: rates and latencies are those of two samples of 30 s, the last one open. */
export const SAMPLE_MS = 30_000

interface Sample {
  startMs: number
  count: number
  ms: number
  maxMs: number
}

/** How much was done lately and how long it took. */
export interface WorkRate {
  /** A second. */
  readonly rate: number
  /** Milliseconds for one; 0 where there was none. */
  readonly averageMs: number
  /** Milliseconds for one where they were longest, of those counted at once; 0: there was none. */
  readonly maxMs: number
  /** The part of the time that it took, from 0 to 1. */
  readonly ratio: number
}

/**
 * Work of the last 30 to 60 seconds. It is told of work in lumps, a turn of the loop or a commit,
 * with the time that was read anyway: nothing is allocated and no clock is read.
 */
export class RecentWork {
  #before: Sample
  #current: Sample

  constructor(nowMs: number) {
    this.#before = { startMs: nowMs, count: 0, ms: 0, maxMs: 0 }
    this.#current = { startMs: nowMs, count: 0, ms: 0, maxMs: 0 }
  }

  /** So much was done by now, and took so long together. */
  add(nowMs: number, count: number, ms: number): void {
    this.#moveOn(nowMs)
    const sample = this.#current
    sample.count += count
    sample.ms += ms
    const each = count === 0 ? 0 : ms / count
    if (each > sample.maxMs) sample.maxMs = each
  }

  at(nowMs: number): WorkRate {
    this.#moveOn(nowMs)
    const [before, current] = [this.#before, this.#current]
    const count = before.count + current.count
    // At least a sample's length, as in Kafka Streams: else the first record would be a high rate.
    const elapsedMs = Math.max(SAMPLE_MS, nowMs - before.startMs)
    return {
      rate: (count * 1_000) / elapsedMs,
      averageMs: count === 0 ? 0 : (before.ms + current.ms) / count,
      maxMs: Math.max(before.maxMs, current.maxMs),
      ratio: Math.min(1, (before.ms + current.ms) / elapsedMs),
    }
  }

  #moveOn(nowMs: number): void {
    const past = nowMs - this.#current.startMs
    // A clock that went back starts anew, too.
    if (past >= 0 && past < SAMPLE_MS) return
    const sample = this.#before
    this.#before = this.#current
    this.#current = restarted(sample, nowMs)
    if (past < 0 || past >= 2 * SAMPLE_MS) restarted(this.#before, nowMs)
  }
}

function restarted(sample: Sample, nowMs: number): Sample {
  sample.startMs = nowMs
  sample.count = 0
  sample.ms = 0
  sample.maxMs = 0
  return sample
}
