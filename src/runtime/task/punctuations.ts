import type { Cancellable, PunctuationType } from '../../topology/processor.ts'

interface Punctuation {
  readonly intervalMs: number
  readonly type: PunctuationType
  readonly callback: (timestampMs: number) => void
  dueMs: number
  cancelled: boolean
}

/**
 * The scheduled callbacks of one task, as Kafka Streams' PunctuationQueue: a callback that is
 * overdue by several intervals fires once, and keeps to its original beat.
 */
export class Punctuations {
  readonly #scheduled: Punctuation[] = []

  /** Stream time starts its beat at the first record, wall clock one interval from now. */
  schedule(
    intervalMs: number,
    type: PunctuationType,
    nowMs: number,
    callback: (timestampMs: number) => void,
  ): Cancellable {
    const dueMs = type === 'wall-clock' ? nowMs + intervalMs : Math.max(0, nowMs)
    const punctuation = { intervalMs, type, callback, dueMs, cancelled: false }
    this.#scheduled.push(punctuation)
    return {
      cancel: () => {
        punctuation.cancelled = true
      },
    }
  }

  /** Fires what is due at this time; true when anything fired. */
  fire(type: PunctuationType, nowMs: number): boolean {
    let fired = false
    for (let index = 0; index < this.#scheduled.length; index += 1) {
      const each = this.#scheduled[index] as Punctuation
      if (each.cancelled) {
        this.#scheduled.splice(index, 1)
        index -= 1
      } else if (each.type === type && each.dueMs <= nowMs) {
        each.dueMs += (Math.floor((nowMs - each.dueMs) / each.intervalMs) + 1) * each.intervalMs
        fired = true
        each.callback(nowMs)
      }
    }
    return fired
  }

  /** When the next one of this type is due; undefined if none is scheduled. */
  nextDueMs(type: PunctuationType): number | undefined {
    let next: number | undefined
    for (const each of this.#scheduled) {
      if (each.type !== type || each.cancelled) continue
      if (next === undefined || each.dueMs < next) next = each.dueMs
    }
    return next
  }
}
