import { StreamsError } from '../../core/errors.ts'
import type { Automaton, Edge, State } from './automaton.ts'
import { push, remove, shift } from './heap.ts'
import { Held, orderOf, type PartialMatch, type Taken } from './partial-match.ts'
import { eventsByStep, firstOf, lastOf } from './taken-events.ts'
import { Trial } from './trial.ts'

/** What has become of the events of a key. Never changed: a step makes a new one. */
export interface KeyState {
  /** A heap; the start state is always among them. */
  readonly partials: readonly PartialMatch[]
  /** Complete, but a match that began earlier may still make them impossible: a heap. */
  readonly waiting: readonly PartialMatch[]
  /** How many events were taken since there was nothing. */
  readonly taken: number
  /** Of the event that changed it last; -1: none did. */
  readonly timeMs: number
}

/** What came out of an event or of the time: to be read before the next call. */
export interface Outcome {
  /** The last event of each match. */
  readonly matches: (Taken | undefined)[]
  readonly timedOut: { readonly last: Taken | undefined; readonly timeMs: number }[]
}

const none: readonly PartialMatch[] = []

/**
 * Runs the automaton of a pattern over the events of a key (after Flink's NFA): every partial match
 * goes all ways that the event leaves open to it, and one that has no way ends.
 */
export class Matcher {
  readonly #automaton: Automaton
  readonly #trial: Trial
  readonly #isSkipping: boolean
  /** No event has been taken. */
  readonly nothing: KeyState
  readonly outcome: Outcome = { matches: [], timedOut: [] }
  /** Whether a match began with the event that was processed last. */
  hasBegun = false
  /** Of the partial match and event at hand: where they lead to, but for final states. */
  readonly #successors: PartialMatch[] = []
  readonly #stack: State[] = []
  readonly #finalStack: State[] = []
  #state: KeyState
  /** The event at hand, once it was taken. */
  #held: Held | undefined
  #completed: PartialMatch[] = []
  #isStopped = false

  constructor(automaton: Automaton) {
    this.#automaton = automaton
    this.#trial = new Trial(automaton.predicates, automaton.steps)
    this.#isSkipping = automaton.skip.kind !== 'none'
    const start = { state: automaton.start.index, last: undefined }
    this.nothing = { partials: [start], waiting: none, taken: 0, timeMs: -1 }
    this.#state = this.nothing
  }

  /** Nothing is kept of the key. */
  isNothing({ partials, waiting }: KeyState): boolean {
    return waiting.length === 0 && partials.length === 1 && partials[0]?.last === undefined
  }

  /** The state after an event, the same object where it changed nothing. */
  process(state: KeyState, event: unknown, timeMs: number): KeyState {
    this.#state = state
    this.#held = undefined
    this.#completed = []
    this.hasBegun = false
    this.#trial.event(event, timeMs)
    try {
      const partials = this.#tryAll(state.partials)
      return partials === undefined ? state : this.#after(partials, timeMs)
    } finally {
      this.#trial.end()
    }
  }

  /**
   * The state when all events before that time are known, the same object where nothing timed out.
   */
  advance(state: KeyState, timeMs: number): KeyState {
    const { partials } = state
    if (this.dueMs(state) > timeMs) return state
    this.#state = state
    this.#held = undefined
    this.#completed = []
    const kept: PartialMatch[] = []
    for (const partial of partials) {
      const gapMs = this.#gapEndMs(partial)
      const wholeMs = this.#wholeEndMs(partial)
      if (gapMs > timeMs && wholeMs > timeMs) push(kept, partial)
      else if (this.#stateOf(partial).kind === 'pending') push(this.#completed, partial)
      else {
        const dueMs = gapMs <= timeMs ? gapMs : wholeMs
        this.outcome.timedOut.push({ last: partial.last, timeMs: dueMs })
      }
    }
    return this.#after(kept, state.timeMs)
  }

  /** When the next partial match times out; Infinity: none does. */
  dueMs({ partials }: KeyState): number {
    // The heap has the one that began first at its top.
    let dueMs = this.#wholeEndMs(partials[0] as PartialMatch)
    if (!this.#automaton.hasGaps) return dueMs
    for (const partial of partials) dueMs = Math.min(dueMs, this.#gapEndMs(partial))
    return dueMs
  }

  /** The events of a match, by the names of the steps. */
  events(last: Taken | undefined): Record<string, unknown> {
    return eventsByStep(last, this.#automaton.steps)
  }

  /** When it has waited too long since its last event; Infinity: it may wait. */
  #gapEndMs(partial: PartialMatch): number {
    const { gapMs } = this.#stateOf(partial)
    return gapMs > 0 && partial.last !== undefined ? partial.last.event.timeMs + gapMs : Infinity
  }

  #wholeEndMs({ last }: PartialMatch): number {
    const { withinMs } = this.#automaton
    return withinMs > 0 && last !== undefined ? last.first.timeMs + withinMs : Infinity
  }

  #stateOf({ state }: PartialMatch): State {
    return this.#automaton.states[state] as State
  }

  /** Undefined: every partial match stays where it is. */
  #tryAll(partials: readonly PartialMatch[]): PartialMatch[] | undefined {
    let next: PartialMatch[] | undefined
    for (let i = 0; i < partials.length; i++) {
      const partial = partials[i] as PartialMatch
      const successors = this.#try(partial)
      const stays = successors.length === 1 && successors[0] === partial && !this.#isStopped
      if (stays && next === undefined) continue
      // Heap order is kept by what is pushed in heap order.
      next ??= partials.slice(0, i)
      if (!this.#isStopped) for (const each of successors) push(next, each)
    }
    return next ?? (this.#completed.length > 0 ? [...partials] : undefined)
  }

  /** Goes all ways from a partial match; final states are noted apart. */
  #try(partial: PartialMatch): readonly PartialMatch[] {
    const successors = this.#successors
    successors.length = 0
    this.#isStopped = false
    this.#trial.partial(partial.last)
    const isStart = partial.last === undefined
    const stack = this.#stack
    // A predicate that threw left something behind.
    stack.length = 0
    stack.push(this.#stateOf(partial))
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      for (const edge of state.edges) {
        if (!edge.guard(this.#trial)) continue
        if (edge.action === 'proceed') stack.push(edge.target)
        else if (edge.action === 'take') this.#take(partial, state, edge)
        else if (!isStart) this.#goTo(partial, edge.target, partial.last)
      }
    }
    // Every event may be the first one of another match.
    if (isStart) successors.push(partial)
    return successors
  }

  #take({ last }: PartialMatch, source: State, { target }: Edge): void {
    const { timeMs } = this.#trial
    this.#held ??= Held.ofValue(this.#state.taken + 1, timeMs, this.#trial.value)
    const event = this.#held
    if (last === undefined) this.hasBegun = true
    const taken: Taken = { event, step: source.step, before: last, first: last?.first ?? event }
    this.#goTo(undefined, target, taken)
    const final = target.mayEnd ? this.#finalAfter(target) : undefined
    if (final !== undefined) this.#goTo(undefined, final, taken)
  }

  #goTo(from: PartialMatch | undefined, { kind, index }: State, last: Taken | undefined): void {
    const stays = from !== undefined && from.state === index
    const partial = stays ? from : { state: index, last }
    if (kind === 'final') push(this.#completed, partial)
    else if (kind === 'stop') this.#isStopped = true
    else this.#successors.push(partial)
  }

  /** The end, where nothing more is needed to get there. */
  #finalAfter(from: State): State | undefined {
    const stack = this.#finalStack
    stack.length = 0
    stack.push(from)
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      for (const { action, target, guard } of state.edges) {
        if (action !== 'proceed' || !guard(this.#trial)) continue
        if (target.kind === 'final') return target
        stack.push(target)
      }
    }
    return undefined
  }

  #after(partials: PartialMatch[], timeMs: number): KeyState {
    const waiting = [...this.#state.waiting]
    for (const each of this.#completed) push(waiting, each)
    if (waiting.length > 0) this.#release(waiting, partials)
    const taken = this.#held?.order ?? this.#state.taken
    return { partials, waiting: waiting.length === 0 ? none : waiting, taken, timeMs }
  }

  /** A match has to wait for those that began earlier where they could make it impossible. */
  #release(waiting: PartialMatch[], partials: PartialMatch[]): void {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (this.#isSkipping) {
        const earliest = partials[0]
        if (earliest !== undefined && orderOf(next) > orderOf(earliest)) return
      }
      shift(waiting)
      const order = this.#skipOrder(next.last as Taken)
      if (order !== undefined) {
        const isSkipped = (each: PartialMatch): boolean => orderOf(each) <= order
        remove(partials, isSkipped)
        remove(waiting, isSkipped)
      }
      this.outcome.matches.push(next.last)
    }
  }

  /** Up to which first event a match makes others impossible; undefined: none. */
  #skipOrder(last: Taken): number | undefined {
    const { skip } = this.#automaton
    switch (skip.kind) {
      case 'none':
        return undefined
      case 'to-next':
        return last.first.order
      case 'past-last':
        return last.event.order
      case 'to-first':
      case 'to-last': {
        const event = skip.kind === 'to-first' ? firstOf(last, skip.step) : lastOf(last, skip.step)
        if (skip.orFail) this.#checkSkip(event, last, skip.step)
        return event && event.order - 1
      }
    }
  }

  #checkSkip(event: Held | undefined, last: Taken, step: number): void {
    if (event !== undefined && event !== last.first) return
    const { name, steps } = this.#automaton
    const problem =
      event === undefined
        ? `a match of pattern "${name}" has no event of step "${steps[step]?.name}" to skip to`
        : `a match of pattern "${name}" would skip to its own first event`
    throw new StreamsError('PROCESSING_FAILED', {
      message: problem,
      hint: 'Skip to a step that each match has and that is not the first, or leave out orFail.',
    })
  }
}
