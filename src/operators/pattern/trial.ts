import type { Predicate } from './definition.ts'
import type { Taken } from './partial-match.ts'
import { eventsOf, lastOf, type StepView } from './taken-events.ts'

/** A predicate of a step, or one that ends its loop. */
export interface StepPredicate {
  readonly test: Predicate
  /** Number of the step it belongs to; -1 where it belongs to a group. */
  readonly step: number
}

const UNKNOWN = 0
const FALSE = 1
const TRUE = 2

/**
 * One event tried on the partial matches of its key, one after the other. A predicate is asked once
 * for each of them, or once for all of them where it did not look at what was taken so far.
 */
export class Trial {
  timeMs = -1
  /** When the event before was taken. */
  previousMs = -1
  readonly #predicates: readonly StepPredicate[]
  readonly #steps: readonly StepView[]
  readonly #ofEvent: Uint8Array
  readonly #ofPartial: Uint8Array
  readonly #soFar: object
  #event: unknown
  #last: Taken | undefined
  /** Number of the step whose predicate is being asked. */
  #asked = -1
  #wasRead = false
  #readAny = false

  constructor(predicates: readonly StepPredicate[], steps: readonly StepView[]) {
    this.#predicates = predicates
    this.#steps = steps
    this.#ofEvent = new Uint8Array(predicates.length)
    this.#ofPartial = new Uint8Array(predicates.length)
    this.#soFar = this.#view()
  }

  get value(): unknown {
    return this.#event
  }

  event(event: unknown, timeMs: number): void {
    this.#event = event
    this.timeMs = timeMs
    this.#ofEvent.fill(UNKNOWN)
  }

  partial(last: Taken | undefined): void {
    this.#last = last
    this.previousMs = last?.event.timeMs ?? -1
    if (this.#readAny) {
      this.#readAny = false
      this.#ofPartial.fill(UNKNOWN)
    }
  }

  /** Lets go of the event. */
  end(): void {
    this.#event = undefined
    this.#last = undefined
  }

  holds(index: number): boolean {
    const known = this.#ofEvent[index] || this.#ofPartial[index]
    if (known !== UNKNOWN) return known === TRUE
    const { test, step } = this.#predicates[index] as StepPredicate
    this.#asked = step
    this.#wasRead = false
    const result = test(this.#event as never, this.#soFar as never) ? TRUE : FALSE
    if (this.#wasRead) {
      this.#readAny = true
      this.#ofPartial[index] = result
    } else this.#ofEvent[index] = result
    return result === TRUE
  }

  /** What predicates are given: a property a step, looked up when it is read. */
  #view(): object {
    const view = {}
    for (const [step, { name, isList }] of this.#steps.entries()) {
      Object.defineProperty(view, name, { enumerable: true, get: () => this.#read(step, isList) })
    }
    return view
  }

  #read(step: number, isList: boolean): unknown {
    this.#wasRead = true
    if (step === this.#asked) return eventsOf(this.#last, step)
    if (!isList) return lastOf(this.#last, step)?.value
    const events = eventsOf(this.#last, step)
    return events.length === 0 ? undefined : events
  }
}
