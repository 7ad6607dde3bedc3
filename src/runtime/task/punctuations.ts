import type { Cancellable, PunctuationType } from '../../topology/processor.ts'

interface Punctuation {
  readonly intervalMs: number
  readonly type: PunctuationType
  readonly callback: (timestampMs: number) => void
  dueMs: number
  cancelled: boolean
}

/**
 * The scheduled callbacks of one task, as Kafka Streams' PunctuationQueue (KIP-138): the one that
 * is due first fires first; one that is overdue by several intervals fires once and keeps to its
 * beat.
 */
export class Punctuations {
  readonly #scheduled: Punctuation[] = []

  /**
   * The beat of stream time is counted from 0, so that it is the same after a restart, and begins
   * as soon as there is a record; that of the wall clock begins one interval from now.
   */
  schedule(
    intervalMs: number,
    type: PunctuationType,
    wallClockMs: number,
    callback: (timestampMs: number) => void,
  ): Cancellable {
    const dueMs = type === 'wall-clock' ? wallClockMs + intervalMs : 0
    const punctuation = { intervalMs, type, callback, dueMs, cancelled: false }
    this.#scheduled.push(punctuation)
    return {
      cancel: () => {
        if (punctuation.cancelled) return
        punctuation.cancelled = true
        this.#scheduled.splice(this.#scheduled.indexOf(punctuation), 1)
      },
    }
  }

  /**
   * Fires what is due at this time, also what a callback schedules meanwhile; true when anything
   * fired.
   */
  fire(type: PunctuationType, nowMs: number): boolean {
    let fired = false
    for (;;) {
      const next = this.#next(type)
      if (next === undefined || next.dueMs > nowMs) return fired
      const { dueMs, intervalMs } = next
      next.dueMs += (Math.floor((nowMs - dueMs) / intervalMs) + 1) * intervalMs
      fired = true
      next.callback(nowMs)
    }
  }

  /** When the next one of this type is due; undefined if none is scheduled. */
  nextDueMs(type: PunctuationType): number | undefined {
    return this.#next(type)?.dueMs
  }

  /** Of several that are due at the same time, the one that was scheduled first. */
  #next(type: PunctuationType): Punctuation | undefined {
    let next: Punctuation | undefined
    for (const each of this.#scheduled) {
      if (each.type === type && (next === undefined || each.dueMs < next.dueMs)) next = each
    }
    return next
  }
}
