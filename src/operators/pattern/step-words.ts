import { invalidTopology } from '../../topology/invalid-topology.ts'
import {
  isGroup,
  type EventStep,
  type GroupStep,
  type Placement,
  type Predicate,
  type Step,
  type Times,
} from './definition.ts'

/** What the words of a pattern do to its last step. Each throws `INVALID_TOPOLOGY`. */

const plain = { times: undefined, isOptional: false, isGreedy: false, until: undefined } as const

export const eventStep = (
  placement: Placement,
  name: string,
  predicate: Predicate | undefined,
): EventStep => ({ ...plain, placement, name, predicate, sincePreviousMs: undefined })

export const groupStep = (placement: Placement, steps: readonly Step[]): GroupStep => ({
  ...plain,
  placement,
  steps,
})

/** How a person knows the step. */
export const labelOf = (step: Step): string =>
  isGroup(step)
    ? `the group that begins with "${firstName(step)}"`
    : `step ${JSON.stringify(step.name)}`

function firstName({ steps }: GroupStep): string {
  const [first] = steps
  if (first === undefined) return ''
  return isGroup(first) ? firstName(first) : first.name
}

const isNot = ({ placement }: Step): boolean =>
  placement === 'notNext' || placement === 'notFollowedBy'

export interface TimesRequest {
  /** 0: the step is optional. */
  readonly least: number
  /** Undefined: any number. */
  readonly most: number | undefined
  readonly gapMs: number | undefined
}

export function repeated<S extends Step>(step: S, { least, most, gapMs }: TimesRequest): S {
  if (isNot(step)) throw noEvents(step, 'be repeated')
  if (step.times !== undefined) {
    throw invalidTopology(
      `${labelOf(step)} says twice how often it happens`,
      'Use one of times, timesOrMore and oneOrMore.',
    )
  }
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
  if (!isCount(least) || (most === undefined ? least < 1 : !isCount(most) || most < 1)) {
    throw invalidTopology(
      `${labelOf(step)} cannot happen ${least}${most === least ? '' : ` to ${most}`} times`,
      'Give whole numbers from 1; the lower one of two may be 0.',
    )
  }
  if (most !== undefined && most < least) {
    throw invalidTopology(
      `${labelOf(step)} cannot happen ${least} to ${most} times`,
      'Give the lower number first.',
    )
  }
  if (gapMs !== undefined && isGroup(step)) {
    throw invalidTopology(
      `${labelOf(step)} is given a gap`,
      'Limit the whole pattern with within, or repeat a step that is no group.',
    )
  }
  const times: Times = { least: Math.max(1, least), most, inner: 'relaxed', gapMs }
  const quantified = { ...step, times }
  return least === 0 ? madeOptional(quantified) : quantified
}

export function contiguous<S extends Step>(step: S, inner: 'consecutive' | 'combinations'): S {
  const { times } = step
  const word = inner === 'consecutive' ? 'consecutive' : 'allowCombinations'
  if (times === undefined) {
    throw invalidTopology(
      `${labelOf(step)} is ${word}, but not repeated`,
      `Say first how often it happens: .oneOrMore().${word}().`,
    )
  }
  if (times.inner !== 'relaxed') {
    throw invalidTopology(
      `${labelOf(step)} says twice how its events follow each other`,
      'Use consecutive or allowCombinations, once.',
    )
  }
  return { ...step, times: { ...times, inner } }
}

export function greedy<S extends Step>(step: S): S {
  if (isNot(step)) throw noEvents(step, 'be greedy')
  if (isGroup(step)) {
    throw invalidTopology(`${labelOf(step)} is greedy`, 'Only a step that is no group can be.')
  }
  if (step.times === undefined) {
    throw invalidTopology(
      `${labelOf(step)} is greedy, but not repeated`,
      'Say first how often it happens: .oneOrMore().greedy().',
    )
  }
  if (step.times.inner === 'combinations') {
    throw invalidTopology(
      `${labelOf(step)} is greedy and allows combinations`,
      'Choose one: a greedy step takes every event it can, combinations leave some out.',
    )
  }
  return { ...step, isGreedy: true }
}

export function optional<S extends Step>(step: S, before: Step | undefined): S {
  if (before?.isGreedy === true) {
    throw invalidTopology(
      `${labelOf(step)} is optional and comes right after a greedy one`,
      'Make the step before not greedy, or describe two patterns, with and without the step.',
    )
  }
  return madeOptional(step)
}

function madeOptional<S extends Step>(step: S): S {
  if (isNot(step)) throw noEvents(step, 'be optional')
  if (step.isOptional) {
    throw invalidTopology(`${labelOf(step)} is optional twice`, 'Say it once; times(0, n) says it.')
  }
  return { ...step, isOptional: true }
}

export function until<S extends Step>(step: S, predicate: Predicate): S {
  if (step.until !== undefined) {
    throw invalidTopology(`${labelOf(step)} has two until`, 'Join their conditions with ||.')
  }
  if (step.times === undefined || step.times.most !== undefined) {
    throw invalidTopology(
      `${labelOf(step)} has until, but no end to reach`,
      'Only a step with oneOrMore or timesOrMore can be ended by an event.',
    )
  }
  return { ...step, until: predicate }
}

/** The limit to the time since the event before. */
export function sincePrevious<S extends Step>(step: S, sincePreviousMs: number): S {
  if (isGroup(step) || step.times !== undefined) {
    throw invalidTopology(
      `${labelOf(step)} has a limit to the time since the event before it`,
      "Only a step that happens once can have one; a repeated one has a gap: times(2, { gap: '5s' }).",
    )
  }
  return { ...step, sincePreviousMs }
}

const noEvents = (step: Step, what: string) =>
  invalidTopology(
    `${labelOf(step)} says what must not come, and cannot ${what}`,
    'It takes no event: leave it as it is.',
  )
