import { invalidTopology } from '../../topology/invalid-topology.ts'
import type { Automaton, State } from './automaton.ts'
import {
  eventSteps,
  isGroup,
  type EventStep,
  type PatternDefinition,
  type Step,
} from './definition.ts'
import { labelOf } from './step-words.ts'

/** Refuses what each word by itself could not see is wrong. Throws `INVALID_TOPOLOGY`. */
export function checkPattern(definition: PatternDefinition): void {
  checkNames(definition)
  checkNots(definition, definition.steps)
  checkEnd(definition)
  checkLimits(definition)
  checkSkip(definition)
  if (!definition.isUnbounded && definition.withinMs === undefined) {
    checkLoops(definition, definition.steps)
  }
}

function checkNames({ name: pattern, steps }: PatternDefinition): void {
  const names = new Set<string>()
  for (const { name } of eventSteps(steps)) {
    if (typeof name !== 'string' || name === '' || name === '__proto__') {
      throw invalidTopology(
        `pattern "${pattern}" has a step called ${JSON.stringify(name)}`,
        'Name the step with a word: a match shows its events under it.',
      )
    }
    if (names.has(name)) {
      throw invalidTopology(
        `pattern "${pattern}" has two steps called "${name}"`,
        'Give each step its own name, also in groups.',
      )
    }
    names.add(name)
  }
}

function checkNots(definition: PatternDefinition, steps: readonly Step[]): void {
  for (const [i, step] of steps.entries()) {
    const isNot = step.placement === 'notNext' || step.placement === 'notFollowedBy'
    if (isNot && steps[i - 1]?.isOptional === true) {
      throw invalidTopology(
        `in pattern "${definition.name}" ${labelOf(step)} comes right after an optional step`,
        'Describe two patterns, with and without the optional step.',
      )
    }
    if (isGroup(step)) checkNots(definition, step.steps)
  }
}

function checkEnd({ name, steps, withinMs }: PatternDefinition): void {
  const last = steps.at(-1) as Step
  if (last.placement !== 'notFollowedBy') return
  if (withinMs === undefined && (last as EventStep).sincePreviousMs === undefined) {
    throw invalidTopology(
      `pattern "${name}" ends with notFollowedBy and never knows that nothing came`,
      "Say how long to wait: .within('5m').",
    )
  }
}

function checkLimits({ name, steps, withinMs }: PatternDefinition): void {
  if (withinMs === undefined) return
  const larger = eventSteps(steps).find(({ sincePreviousMs = 0 }) => sincePreviousMs > withinMs)
  if (larger === undefined) return
  throw invalidTopology(
    `in pattern "${name}" ${labelOf(larger)} may come later than the whole pattern may take`,
    'Make the limit of the step smaller than that of the pattern, or leave it out.',
  )
}

function checkSkip({ name, steps, skip }: PatternDefinition): void {
  if (!('step' in skip)) return
  if (steps.some((step) => !isGroup(step) && step.name === skip.step)) return
  throw invalidTopology(
    `pattern "${name}" skips to step "${skip.step}", which it does not have`,
    'Name a step of the pattern itself, not of a group in it.',
  )
}

function checkLoops({ name }: PatternDefinition, steps: readonly Step[]): void {
  for (const step of eventsAndGroups(steps)) {
    if (step.times === undefined || step.times.most !== undefined || step.until !== undefined) {
      continue
    }
    throw invalidTopology(
      `in pattern "${name}" nothing ends the loop of ${labelOf(step)}: its partial matches are kept for ever`,
      `Add .within('5m') to the pattern or .until(…) to the step, or say that you mean it: pattern('${name}', { unbounded: true }).`,
    )
  }
}

const eventsAndGroups = (steps: readonly Step[]): readonly Step[] =>
  steps.flatMap((step) => (isGroup(step) ? [step, ...eventsAndGroups(step.steps)] : [step]))

/** A round of a group that may take nothing would be followed by such rounds without end. */
export function checkRounds({ name, states }: Automaton): void {
  const done = new Set<State>()
  const onTheWay = new Set<State>()
  const visit = (state: State): void => {
    if (done.has(state)) return
    if (onTheWay.has(state)) {
      throw invalidTopology(
        `pattern "${name}" repeats a group that may take no event at all`,
        'Make one step of the group not optional, and the group optional instead.',
      )
    }
    onTheWay.add(state)
    for (const { action, target } of state.edges) if (action === 'proceed') visit(target)
    onTheWay.delete(state)
    done.add(state)
  }
  for (const state of states) visit(state)
}
