import { always, both, not, type Guard } from './guards.ts'
import type { StepPredicate } from './trial.ts'
import type { StepView } from './taken-events.ts'

/**
 * `take` the event and go on, `ignore` it and go on, or `proceed` without looking at it, to try it
 * on the edges there.
 */
export type Action = 'take' | 'ignore' | 'proceed'

export interface Edge {
  readonly action: Action
  readonly target: State
  guard: Guard
}

/** At the `final` one a match is complete; at a `stop` it is impossible. */
export type StateKind = 'start' | 'normal' | 'pending' | 'final' | 'stop'

export class State {
  readonly index: number
  /** A `pending` one becomes a match when its time is up. */
  kind: StateKind
  /** Number of the step whose event is taken here; -1 where none is. */
  readonly step: number
  /** It waits so long after the event that was taken last; 0: for any time. */
  readonly gapMs: number
  readonly edges: Edge[] = []
  /** The end may be reached from here without another event. */
  mayEnd = false

  constructor(index: number, kind: StateKind, step: number, gapMs: number) {
    this.index = index
    this.kind = kind
    this.step = step
    this.gapMs = gapMs
  }

  /** Edges are tried in the order they were added. */
  edge(action: Action, target: State, guard: Guard = always): void {
    this.edges.push({ action, target, guard })
  }

  /** From now on no edge is used for an event that a greedy loop takes. */
  yieldTo(taken: Guard): void {
    for (const edge of this.edges) edge.guard = both(edge.guard, not(taken))
  }
}

/** Finds out which states may end, when all edges are there. */
export function markEnds(states: readonly State[]): void {
  let isNew = true
  while (isNew) {
    isNew = false
    for (const state of states) {
      if (state.mayEnd) continue
      state.mayEnd = state.edges.some(
        ({ action, target }) => action === 'proceed' && (target.kind === 'final' || target.mayEnd),
      )
      isNew ||= state.mayEnd
    }
  }
}

/** A compiled pattern. */
export interface Automaton {
  readonly name: string
  /** Of everything that state in a store depends on, but for the predicates. */
  readonly hash: number
  readonly states: readonly State[]
  readonly start: State
  readonly steps: readonly StepView[]
  readonly predicates: readonly StepPredicate[]
  /** 0: none. */
  readonly withinMs: number
  /** Whether some state waits for a limited time only. */
  readonly hasGaps: boolean
  readonly skip: AutomatonSkip
}

export type AutomatonSkip =
  | { readonly kind: 'none' | 'to-next' | 'past-last' }
  | { readonly kind: 'to-first' | 'to-last'; readonly step: number; readonly orFail: boolean }
