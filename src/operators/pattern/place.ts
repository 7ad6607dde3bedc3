import {
  isGroup,
  type EventStep,
  type GroupStep,
  type Inner,
  type Placement,
  type Step,
} from './definition.ts'

/** Where in the pattern a step stands. */
export interface Place {
  readonly step: Step
  /** The steps of its sequence that come before it. */
  readonly before: readonly Step[]
  readonly group: GroupStep | undefined
  /** What comes next; for the last step of a group, what follows the group. */
  readonly following: Step | undefined
}

/** What may come before an event: nothing, what does not fit, or anything. */
export type Waiting = 'strict' | 'relaxed' | 'any'

export const waitingFor = (placement: Placement): Waiting => {
  if (placement === 'followedByAny') return 'any'
  return placement === 'followedBy' ? 'relaxed' : 'strict'
}

const waitingInside: Readonly<Record<Inner, Waiting>> = {
  relaxed: 'relaxed',
  consecutive: 'strict',
  combinations: 'any',
}

/** For a further event of the step. */
export const waitingAgain = ({ times }: Step): Waiting => waitingInside[times?.inner ?? 'relaxed']

/** The first step of a group is waited for as the group is. */
export const beginsGroup = ({ before, group }: Place): boolean =>
  group !== undefined && before.length === 0

/** A `notFollowedBy` that an event may still meet at this step: optional ones may stand between. */
export function earlierNots({ before }: Place): readonly EventStep[] {
  const nots: EventStep[] = []
  for (const step of before.toReversed()) {
    if (step.placement === 'notFollowedBy' && !isGroup(step)) nots.push(step)
    else if (!step.isOptional) break
  }
  return nots
}
