import { SAMPLE_MS } from './recent-work.ts'

interface Sample {
  startMs: number
  count: number
  sum: number
  min: number
  max: number
}

/** What values there were lately; all 0 where there were none. */
export interface ValueRange {
  readonly average: number
  readonly min: number
  readonly max: number
}

/**
 * Values of the last 30 to 60 seconds, as Kafka Streams keeps them. A value is some additions and
 * comparisons; the clock is told from time to time by whoever has read it anyway.
 */
export class RecentValues {
  #before: Sample
  #current: Sample

  constructor(nowMs: number) {
    this.#before = emptied({ startMs: 0, count: 0, sum: 0, min: 0, max: 0 }, nowMs)
    this.#current = { ...this.#before }
  }

  add(value: number): void {
    const sample = this.#current
    sample.count += 1
    sample.sum += value
    if (value < sample.min) sample.min = value
    if (value > sample.max) sample.max = value
  }

  at(nowMs: number): ValueRange {
    this.moveOn(nowMs)
    const [before, current] = [this.#before, this.#current]
    const count = before.count + current.count
    if (count === 0) return { average: 0, min: 0, max: 0 }
    return {
      average: (before.sum + current.sum) / count,
      min: Math.min(before.min, current.min),
      max: Math.max(before.max, current.max),
    }
  }

  moveOn(nowMs: number): void {
    const past = nowMs - this.#current.startMs
    // A clock that went back starts anew, too.
    if (past >= 0 && past < SAMPLE_MS) return
    const sample = this.#before
    this.#before = this.#current
    this.#current = emptied(sample, nowMs)
    if (past < 0 || past >= 2 * SAMPLE_MS) emptied(this.#before, nowMs)
  }
}

function emptied(sample: Sample, nowMs: number): Sample {
  sample.startMs = nowMs
  sample.count = 0
  sample.sum = 0
  sample.min = Infinity
  sample.max = -Infinity
  return sample
}
