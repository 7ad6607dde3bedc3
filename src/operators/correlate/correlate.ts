import { noHeaders, type Headers } from '../../core/record.ts'
import type { DueTimer } from '../../state/timer-store.ts'
import type { KeyValueStore } from '../../state/store.ts'
import type { OperatorContext, OperatorFactory } from '../../topology/processor.ts'
import type { CorrelationRow } from './correlation-row.ts'

export const timedOutOutput = 'timed-out'
export const latePartOutput = 'late'

/** A record of one of the streams. */
export interface Part {
  readonly number: number
  readonly value: unknown
}

export interface Correlation {
  readonly store: string
  readonly timers: string
  /** Of the streams, by number. */
  readonly names: readonly string[]
  /** Whether a result needs a part of this stream. */
  readonly required: readonly boolean[]
  readonly withinMs: number
  readonly graceMs: number
  /** After so much wall-clock time without a part of the id; undefined: never. */
  readonly idleCloseMs: number | undefined
  /** Of several parts of one stream the last one counts, else the first. */
  readonly keepsLast: boolean
  readonly outputs: readonly string[]
}

const WITHIN = 'within'
const IDLE = 'idle'

/** The step before it, one for each stream: says which one a record is of. */
export const partOf =
  (number: number): OperatorFactory =>
  ({ emit }) => ({
    process: (key, value, timestampMs, headers) => {
      const part: Part = { number, value }
      emit(key, part, timestampMs, headers)
    },
  })

/**
 * Brings the parts of each key together: a result as soon as the required ones are there, with the
 * time of the latest part; what is there by then, when stream time is past the first part's time by
 * `within` and `grace`. For as long a result keeps out what belongs to it and comes later.
 */
export const correlate =
  (correlation: Correlation): OperatorFactory =>
  (context) =>
    new Correlator(correlation, context)

class Correlator {
  readonly #correlation: Correlation
  readonly #context: OperatorContext
  readonly #rows: KeyValueStore<unknown, CorrelationRow>
  readonly #timers

  constructor(correlation: Correlation, context: OperatorContext) {
    this.#correlation = correlation
    this.#context = context
    this.#rows = context.store(correlation.store)
    this.#timers = context.timers<unknown>(correlation.timers, (timer) => this.#onTimer(timer))
  }

  readonly process = (
    key: unknown,
    given: unknown,
    timestampMs: number,
    headers: Headers,
  ): void => {
    const part = given as Part
    if (key === null || key === undefined || part.value === null || part.value === undefined) {
      this.#context.recordDropped('part without a key or a value')
      return
    }
    const row = this.#rows.get(key)
    if (row === undefined) this.#begin(key, part, timestampMs, headers)
    else if (row.closed) this.#afterClosing(row, key, part, timestampMs, headers)
    else this.#add(row, key, part, timestampMs, headers)
  }

  #begin(key: unknown, part: Part, timestampMs: number, headers: Headers): void {
    const parts: unknown[] = this.#correlation.names.map(() => undefined)
    const row = { firstMs: timestampMs, lastMs: timestampMs, closed: false, parts }
    this.#put({ ...row, untilMs: 0, idleAtMs: 0 }, key, part, headers)
  }

  /** A part that is too far from the others for one result is of another one. */
  #add(row: CorrelationRow, key: unknown, part: Part, timestampMs: number, headers: Headers): void {
    const { withinMs, keepsLast } = this.#correlation
    if (timestampMs > row.firstMs + withinMs) {
      this.#timeOut(row, key)
      this.#begin(key, part, timestampMs, headers)
    } else if (timestampMs < row.lastMs - withinMs) {
      this.#late(key, part, timestampMs, headers)
    } else if (row.parts[part.number] !== undefined && !keepsLast) {
      this.#context.recordDropped('second part of a stream')
    } else {
      const firstMs = Math.min(row.firstMs, timestampMs)
      const lastMs = Math.max(row.lastMs, timestampMs)
      this.#put({ ...row, firstMs, lastMs }, key, part, headers)
    }
  }

  #afterClosing(
    row: CorrelationRow,
    key: unknown,
    part: Part,
    timestampMs: number,
    headers: Headers,
  ): void {
    if (timestampMs > row.firstMs + this.#correlation.withinMs) {
      this.#begin(key, part, timestampMs, headers)
    } else this.#late(key, part, timestampMs, headers)
  }

  #put(row: CorrelationRow, key: unknown, part: Part, headers: Headers): void {
    const { withinMs, graceMs, idleCloseMs, required } = this.#correlation
    const parts = row.parts.with(part.number, part.value)
    const untilMs = row.firstMs + withinMs + graceMs
    if (untilMs !== row.untilMs) this.#timers.set(key, WITHIN, untilMs, 'event-time')
    if (parts.every((each, number) => each !== undefined || required[number] !== true)) {
      this.#rows.put(key, { ...row, untilMs, idleAtMs: 0, closed: true, parts: [] })
      this.#context.emit(key, this.#named(parts), row.lastMs, headers)
      return
    }
    const idleAtMs = idleCloseMs === undefined ? 0 : this.#context.wallClockMs() + idleCloseMs
    if (idleAtMs > 0) this.#timers.set(key, IDLE, idleAtMs, 'wall-clock')
    this.#rows.put(key, { ...row, untilMs, idleAtMs, parts })
  }

  /** A timer that was set before a row changed is out of date: the row knows which one counts. */
  #onTimer({ key, name, atMs }: DueTimer<unknown>): void {
    const row = this.#rows.get(key)
    if (row === undefined || atMs !== (name === IDLE ? row.idleAtMs : row.untilMs)) return
    if (row.closed) {
      this.#rows.put(key, null)
      return
    }
    this.#timeOut(row, key)
    // Once more as long, so that what comes too late is known to be late.
    const untilMs = row.untilMs + this.#correlation.withinMs
    this.#timers.set(key, WITHIN, untilMs, 'event-time')
    this.#rows.put(key, { ...row, untilMs, idleAtMs: 0, closed: true, parts: [] })
  }

  #timeOut({ firstMs, parts }: CorrelationRow, key: unknown): void {
    if (!this.#correlation.outputs.includes(timedOutOutput)) {
      this.#context.recordDropped('incomplete correlation')
      return
    }
    const timestampMs = firstMs + this.#correlation.withinMs
    this.#context.emitTo(timedOutOutput)(key, this.#named(parts), timestampMs, noHeaders)
  }

  #late(key: unknown, { number, value }: Part, timestampMs: number, headers: Headers): void {
    this.#context.recordDropped('part of a correlation that is closed', 'late')
    if (!this.#correlation.outputs.includes(latePartOutput)) return
    const late = { part: this.#correlation.names[number], value }
    this.#context.emitTo(latePartOutput)(key, late, timestampMs, headers)
  }

  #named(parts: readonly unknown[]): Readonly<Record<string, unknown>> {
    const { names } = this.#correlation
    const named = parts.flatMap((part, number) =>
      part === undefined ? [] : [[names[number] as string, part] as const],
    )
    return Object.fromEntries(named)
  }
}
