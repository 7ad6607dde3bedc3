/** What the words of a pattern come to: data, but for the predicates. */

/**
 * Whether an event fits; `soFar` shows the events that this partial match has taken, by step. Run
 * again when an event is processed again, and not at all where the answer is known: it must depend
 * on nothing else.
 */
export type Predicate = (event: never, soFar: never) => boolean

export type Contiguity = 'next' | 'followedBy' | 'followedByAny'
export type Placement = 'begin' | Contiguity | 'notNext' | 'notFollowedBy'

/** How the events of a repeated step follow each other. */
export type Inner = 'relaxed' | 'consecutive' | 'combinations'

export interface Times {
  /** At least 1: a step that may be missing is optional. */
  readonly least: number
  /** Undefined: as often as events come. */
  readonly most: number | undefined
  readonly inner: Inner
  /** From one event of the step to the next it takes less than that. */
  readonly gapMs: number | undefined
}

interface AnyStep {
  readonly placement: Placement
  /** Undefined: once. */
  readonly times: Times | undefined
  readonly isOptional: boolean
  readonly isGreedy: boolean
  /** Ends a loop. */
  readonly until: Predicate | undefined
}

/** A step that takes events. */
export interface EventStep extends AnyStep {
  readonly name: string
  /** Undefined: any event fits. */
  readonly predicate: Predicate | undefined
  /** From the event before the step to its own it takes less than that. */
  readonly sincePreviousMs: number | undefined
}

/** A sequence that stands where a step may stand. */
export interface GroupStep extends AnyStep {
  readonly steps: readonly Step[]
}

export type Step = EventStep | GroupStep

export const isGroup = (step: Step): step is GroupStep => 'steps' in step

/** Which matches a match makes impossible. */
export type Skip =
  | { readonly kind: 'none' | 'to-next' | 'past-last' }
  | {
      readonly kind: 'to-first' | 'to-last'
      readonly step: string
      /** Fails where the match has no such step, or would begin with the same event again. */
      readonly orFail: boolean
    }

export interface PatternDefinition {
  readonly name: string
  /** Part of the hash: for a change that does not show otherwise. */
  readonly version: number
  readonly steps: readonly Step[]
  /** From the first event to the last it takes less than that. */
  readonly withinMs: number | undefined
  readonly skip: Skip
  /** A loop that nothing ends was meant so. */
  readonly isUnbounded: boolean
}

/** Every step that takes events, also those in groups, in the order they are written. */
export function eventSteps(steps: readonly Step[]): readonly EventStep[] {
  return steps.flatMap((step) => (isGroup(step) ? eventSteps(step.steps) : [step]))
}
