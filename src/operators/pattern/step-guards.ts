import { isGroup, type EventStep, type Predicate, type Step } from './definition.ts'
import { always, both, holds, not, soonerThan, type Guard } from './guards.ts'
import { beginsGroup, waitingAgain, waitingFor, type Place, type Waiting } from './place.ts'
import type { StepPredicate } from './trial.ts'

export interface RoundGuards {
  readonly take: Guard
  /** Undefined: no event may be passed over. */
  readonly ignore: Guard | undefined
}

/** What the steps of a pattern say about events. */
export class StepGuards {
  /** Each is asked by its number. */
  readonly predicates: StepPredicate[] = []
  readonly #steps: readonly EventStep[]
  readonly #numbers = new Map<Step, { test?: number; until?: number }>()

  constructor(steps: readonly EventStep[]) {
    this.#steps = steps
  }

  /** For the first event of a step; `isAgain`: in a further round of its group. */
  first(place: Place, isAgain: boolean): RoundGuards {
    const group = beginsGroup(place) ? place.group : undefined
    const waiting =
      group === undefined
        ? waitingFor(place.step.placement)
        : isAgain
          ? waitingAgain(group)
          : waitingFor(group.placement)
    return {
      take: this.fits(place),
      ignore: this.#passing(place, waiting, this.#predicate(place.step)),
    }
  }

  /** For a further event of a repeated step. */
  further(place: Place): RoundGuards {
    const { step } = place
    const gapMs = step.times?.gapMs
    const soon = gapMs === undefined ? always : soonerThan(gapMs)
    const waiting = waitingAgain(beginsGroup(place) ? (place.group as Step) : step)
    const ignore = this.#passing(place, waiting, both(this.#predicate(step), soon))
    return {
      take: this.untilEnded(step, both(this.fits(place), soon)),
      ignore: ignore && this.untilEnded(step, ignore),
    }
  }

  /** The event is one of the step, and does not end its group. */
  fits({ step, group }: Pick<Place, 'step' | 'group'>): Guard {
    const fits = this.#predicate(step)
    return group === undefined ? fits : this.untilEnded(group, fits)
  }

  /** Any event will do, but for one that ends the group. */
  freely({ group }: Place): Guard {
    return group === undefined ? always : this.untilEnded(group, always)
  }

  untilEnded(step: Step, guard: Guard): Guard {
    return step.until === undefined ? guard : both(not(this.ends(step)), guard)
  }

  ends(step: Step): Guard {
    return holds(this.#number(step, 'until', step.until as Predicate))
  }

  #passing({ group }: Place, waiting: Waiting, fits: Guard): Guard | undefined {
    if (waiting === 'strict') return undefined
    const pass = waiting === 'any' ? always : not(fits)
    return group === undefined ? pass : this.untilEnded(group, pass)
  }

  #predicate(step: Step): Guard {
    if (isGroup(step) || step.predicate === undefined) return always
    return holds(this.#number(step, 'test', step.predicate))
  }

  #number(step: Step, use: 'test' | 'until', test: Predicate): number {
    const numbers = this.#numbers.get(step) ?? {}
    this.#numbers.set(step, numbers)
    const known = numbers[use]
    if (known !== undefined) return known
    const number = this.predicates.length
    this.predicates.push({ test, step: isGroup(step) ? -1 : this.#steps.indexOf(step) })
    numbers[use] = number
    return number
  }
}
