import { durationMs, type Duration } from '../core/duration.ts'
import type {
  PatternDefinition,
  Placement,
  Predicate,
  Step,
} from '../operators/pattern/definition.ts'
import {
  contiguous,
  eventStep,
  greedy,
  groupStep,
  optional,
  repeated,
  until,
  type TimesRequest,
} from '../operators/pattern/step-words.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import type { StepOptions } from './pattern-types.ts'

export interface StepRequest {
  readonly placement: Placement
  /** A step by its name, or a group: how it goes on from nothing. */
  readonly first: string | ((outside: PatternDefinition) => PatternDefinition)
  readonly predicate: unknown
  readonly options: StepOptions | undefined
}

/** The pattern with one step more. */
export function withStep(
  definition: PatternDefinition,
  { placement, first, predicate, options = {} }: StepRequest,
): PatternDefinition {
  const { steps } = definition
  const step =
    typeof first === 'string'
      ? eventStep(placement, first, predicate as Predicate | undefined)
      : groupOf(definition, placement, first, predicate)
  return { ...definition, steps: [...steps, withOptions(step, steps.at(-1), options)] }
}

/** The pattern with its last step changed. */
export function withLast(
  definition: PatternDefinition,
  change: (step: Step, before: Step | undefined) => Step,
): PatternDefinition {
  const { steps } = definition
  const changed = change(steps.at(-1) as Step, steps.at(-2))
  return { ...definition, steps: [...steps.slice(0, -1), changed] }
}

function groupOf(
  definition: PatternDefinition,
  placement: Placement,
  build: (outside: PatternDefinition) => PatternDefinition,
  predicate: unknown,
): Step {
  if (predicate !== undefined) {
    throw invalidTopology(
      `a group in pattern "${definition.name}" has a predicate of its own`,
      'Give predicates to the steps in the group.',
    )
  }
  const { steps, withinMs, skip } = build({
    ...definition,
    steps: [],
    withinMs: undefined,
    skip: { kind: 'none' },
  })
  if (withinMs !== undefined || skip.kind !== 'none') {
    throw invalidTopology(
      `a group in pattern "${definition.name}" has a within or a skip of its own`,
      'Say them once, of the whole pattern.',
    )
  }
  return groupStep(placement, steps)
}

function withOptions(step: Step, before: Step | undefined, options: StepOptions): Step {
  const { times, atLeast, gap } = options
  let changed = step
  if (times !== undefined) {
    changed = repeated(changed, timesRequest(typeof times === 'number' ? [times] : times, gap))
  }
  if (atLeast !== undefined) {
    changed = repeated(changed, { least: atLeast, most: undefined, gapMs: gapMs(gap) })
  }
  if (options.consecutive === true) changed = contiguous(changed, 'consecutive')
  if (options.allowCombinations === true) changed = contiguous(changed, 'combinations')
  if (options.greedy === true) changed = greedy(changed)
  if (options.optional === true) changed = optional(changed, before)
  return options.until === undefined ? changed : until(changed, options.until)
}

/** Exactly so many, or from so many to so many. */
export function timesRequest(
  [least, most = least]: readonly [least: number, most?: number],
  gap: Duration | undefined,
): TimesRequest {
  if (most === 0) {
    throw invalidTopology('a step happens 0 times', 'Use notNext or notFollowedBy.')
  }
  return { least, most, gapMs: gapMs(gap) }
}

export const gapMs = (gap: Duration | undefined): number | undefined =>
  gap === undefined ? undefined : positiveMs(gap)

export function positiveMs(duration: Duration): number {
  const ms = durationMs(duration)
  if (ms > 0) return ms
  throw invalidTopology(`a pattern is given ${duration} of time`, "Give it at least '1ms'.")
}
