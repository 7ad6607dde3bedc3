import { isGroup, type Step } from './definition.ts'
import type { Held, Taken } from './partial-match.ts'

/** A step as a match shows it. */
export interface StepView {
  readonly name: string
  /** The step may take several events: a match has a list of them. */
  readonly isList: boolean
}

/** As the steps show, by their numbers. */
export function stepViews(steps: readonly Step[], isRepeated = false): readonly StepView[] {
  return steps.flatMap((step) => {
    const isList = isRepeated || step.times !== undefined
    return isGroup(step) ? stepViews(step.steps, isList) : [{ name: step.name, isList }]
  })
}

/** What a match, or a partial one, consists of: by step, in the order the steps were taken. */
export type Events = Record<string, unknown>

export function eventsByStep(last: Taken | undefined, steps: readonly StepView[]): Events {
  const path: Taken[] = []
  for (let taken = last; taken !== undefined; taken = taken.before) path.push(taken)
  const events: Events = {}
  for (let i = path.length - 1; i >= 0; i--) {
    const { event, step } = path[i] as Taken
    const { name, isList } = steps[step] as StepView
    if (!isList) events[name] = event.value
    else if (name in events) (events[name] as unknown[]).push(event.value)
    else events[name] = [event.value]
  }
  return events
}

/** The events that one step has taken, first to last. */
export function eventsOf(last: Taken | undefined, step: number): unknown[] {
  const events: unknown[] = []
  for (let taken = last; taken !== undefined; taken = taken.before) {
    if (taken.step === step) events.push(taken.event.value)
  }
  return events.reverse()
}

/** The event that a step has taken, of the match whose last one is given. */
export function firstOf(last: Taken | undefined, step: number): Held | undefined {
  let found: Held | undefined
  for (let taken = last; taken !== undefined; taken = taken.before) {
    if (taken.step === step) found = taken.event
  }
  return found
}

export function lastOf(last: Taken | undefined, step: number): Held | undefined {
  for (let taken = last; taken !== undefined; taken = taken.before) {
    if (taken.step === step) return taken.event
  }
  return undefined
}
