import { invalidTopology } from '../../topology/invalid-topology.ts'
import { markEnds, State, type Automaton, type AutomatonSkip, type StateKind } from './automaton.ts'
import { checkPattern, checkRounds } from './check-pattern.ts'
import {
  eventSteps,
  isGroup,
  type EventStep,
  type GroupStep,
  type PatternDefinition,
  type Skip,
  type Step,
} from './definition.ts'
import { both, not, type Guard } from './guards.ts'
import { patternHash } from './pattern-hash.ts'
import { beginsGroup, earlierNots, type Place } from './place.ts'
import { StepGuards, type RoundGuards } from './step-guards.ts'
import { labelOf } from './step-words.ts'
import { stepViews } from './taken-events.ts'

/**
 * Makes the automaton of a pattern, from its end to its beginning: what comes after a step is its
 * sink. Which edges there are, and in which order, decides which matches come out and in which
 * order: both are Flink's (CEP 2.2). Throws `INVALID_TOPOLOGY`.
 */
export function compilePattern(definition: PatternDefinition): Automaton {
  checkPattern(definition)
  const automaton = new Compiler(definition).automaton()
  checkRounds(automaton)
  return automaton
}

interface Round extends RoundGuards {
  /** It may be left out. */
  readonly isOptional: boolean
  /** It is waited for so long after the event before; undefined: as the step says. */
  readonly gapMs?: number | undefined
}

class Compiler {
  readonly #definition: PatternDefinition
  readonly #steps: readonly EventStep[]
  readonly #guards: StepGuards
  readonly #states: State[] = []
  readonly #stops = new Map<Step, State>()
  /** What an `until` leads to: the next state as it was before a greedy loop claimed its events. */
  readonly #unclaimed = new Map<State, State>()
  /** Groups of which a further round is being made, not the first one. */
  readonly #furtherRounds = new Set<Step>()

  constructor(definition: PatternDefinition) {
    this.#definition = definition
    this.#steps = eventSteps(definition.steps)
    this.#guards = new StepGuards(this.#steps)
  }

  automaton(): Automaton {
    const { name, steps, withinMs = 0, skip } = this.#definition
    const start = this.#sequence(steps, this.#state('final'), undefined, undefined)
    start.kind = 'start'
    markEnds(this.#states)
    return {
      name,
      hash: patternHash(this.#definition),
      states: this.#states,
      start,
      steps: stepViews(steps),
      predicates: this.#guards.predicates,
      withinMs,
      hasGaps: this.#states.some(({ gapMs }) => gapMs > 0),
      skip: this.#skip(skip),
    }
  }

  #skip(skip: Skip): AutomatonSkip {
    if (!('step' in skip)) return skip
    const { kind, orFail } = skip
    return { kind, orFail, step: this.#steps.findIndex(({ name }) => name === skip.step) }
  }

  #sequence(
    steps: readonly Step[],
    sink: State,
    group: GroupStep | undefined,
    following: Step | undefined,
  ): State {
    let next = sink
    let after = following
    for (let i = steps.length - 1; i >= 0; i--) {
      const step = steps[i] as Step
      const place: Place = { step, before: steps.slice(0, i), group, following: after }
      switch (step.placement) {
        case 'notFollowedBy':
          next = this.#notFollowedBy(place, next)
          break
        case 'notNext':
          next = this.#notNext(place, next)
          break
        default:
          next = this.#step(place, next)
      }
      after = step
    }
    return next
  }

  /** At the end it waits for the time to be up; elsewhere it is edges of the steps around it. */
  #notFollowedBy(place: Place, sink: State): State {
    const step = place.step as EventStep
    const isTimed = this.#definition.withinMs !== undefined || step.sincePreviousMs !== undefined
    if (sink.kind !== 'final' || !isTimed) return sink
    const pending = this.#state('pending', place)
    const unwanted = this.#guards.fits(place)
    pending.edge('proceed', this.#stop(place, step), unwanted)
    pending.edge('ignore', pending, not(unwanted))
    return pending
  }

  #notNext(place: Place, sink: State): State {
    const watch = this.#state('normal', place)
    const unwanted = this.#guards.fits(place)
    // To proceed to the end would complete the match before the next event has been seen.
    watch.edge(sink.kind === 'final' ? 'ignore' : 'proceed', sink, not(unwanted))
    watch.edge('proceed', this.#stop(place, place.step), unwanted)
    return watch
  }

  #step(place: Place, sink: State): State {
    const { step } = place
    const { times, isOptional } = step
    let first: State
    if (times === undefined) {
      first = this.#once(place, sink, sink, { ...this.#firstGuards(place), isOptional })
    } else if (times.most === undefined) {
      this.#furtherRounds.add(step)
      const loop = this.#loop(place, this.#withoutEarlierNots(place, sink))
      first = this.#repeated(place, loop, sink)
    } else {
      first = this.#repeated(place, sink, sink)
    }
    this.#addStops(place, first)
    return first
  }

  /** The first `least` rounds of a loop, or all of a step that is repeated so many times. */
  #repeated(place: Place, sink: State, proceed: State): State {
    const { step } = place
    const { times, isGreedy, isOptional } = step
    const { least = 1, most = least, gapMs } = times ?? {}
    const guards = this.#guards.further(place)
    if (isGreedy && least !== most) sink.yieldTo(guards.take)
    let next = sink
    this.#furtherRounds.add(step)
    for (let round = most; round > least; round--) {
      next = this.#once(place, next, proceed, { ...guards, isOptional: true })
      this.#addStopAfterLoop(place, next)
    }
    for (let round = least; round > 1; round--) {
      next = this.#once(place, next, undefined, { ...guards, isOptional: false, gapMs })
      this.#addStopAfterLoop(place, next)
    }
    this.#furtherRounds.delete(step)
    const { take, ignore } = this.#firstGuards(place)
    const ending = this.#guards.untilEnded(step, take)
    return this.#once(place, next, proceed, { take: ending, ignore, isOptional })
  }

  /** A round of a step. `proceed` is where a round that is left out leads to. */
  #once(
    place: Place,
    sink: State,
    proceed: State | undefined,
    { take, ignore, isOptional, gapMs }: Round,
  ): State {
    const { step } = place
    if (isGroup(step)) return this.#group(place, step, sink, isOptional ? proceed : undefined)
    const state = this.#state('normal', place, gapMs)
    const next = this.#withoutEarlierNots(place, sink)
    state.edge('take', next, take)
    if (isOptional && proceed !== undefined) this.#leaveOut(place, state, proceed)
    if (ignore === undefined) return state
    if (!isOptional && !this.#beginsOptionalGroup(place)) {
      state.edge('ignore', state, ignore)
      return state
    }
    // Once an event was passed over, the way past the step has been taken by another match.
    const waiting = this.#state('normal', place, gapMs ?? 0)
    waiting.edge('take', next, take)
    waiting.edge('ignore', waiting, ignore)
    this.#addStops(place, waiting)
    state.edge('ignore', waiting, ignore)
    return state
  }

  #leaveOut(place: Place, state: State, proceed: State): void {
    const { step } = place
    const free = this.#guards.freely(place)
    if (!step.isGreedy || step.until === undefined) {
      state.edge('proceed', proceed, free)
      return
    }
    const unclaimed = this.#unclaimed.get(proceed)
    if (unclaimed === undefined) throw greedyAfterNot(this.#definition.name, step)
    const ends = this.#guards.ends(step)
    state.edge('proceed', unclaimed, both(free, ends))
    state.edge('proceed', proceed, both(free, not(ends)))
  }

  /** Any number of further rounds. */
  #loop(place: Place, sink: State): State {
    const { step } = place
    if (isGroup(step)) return this.#groupLoop(place, step, sink)
    const { take, ignore } = this.#guards.further(place)
    const loop = this.#state('normal', place)
    this.#leaveLoop(place, loop, sink)
    loop.edge('take', loop, take)
    this.#addStopAfterLoop(place, loop)
    if (ignore === undefined) return loop
    const waiting = this.#state('normal', place, 0)
    waiting.edge('take', loop, take)
    waiting.edge('ignore', waiting, ignore)
    loop.edge('ignore', waiting, ignore)
    this.#addStopAfterLoop(place, waiting)
    return loop
  }

  /** A greedy loop claims every event that fits, but for those that come when it has ended. */
  #leaveLoop(place: Place, loop: State, sink: State): void {
    const { step } = place
    const free = this.#guards.freely(place)
    if (!step.isGreedy || step.until === undefined) loop.edge('proceed', sink, free)
    else {
      const ends = this.#guards.ends(step)
      const unclaimed = this.#copy(sink)
      this.#unclaimed.set(sink, unclaimed)
      loop.edge('proceed', unclaimed, both(free, ends))
      loop.edge('proceed', sink, both(free, not(ends)))
    }
    if (step.isGreedy) sink.yieldTo(this.#guards.fits(place))
  }

  #group(place: Place, group: GroupStep, sink: State, leftOut: State | undefined): State {
    const first = this.#sequence(group.steps, sink, group, place.following)
    if (leftOut !== undefined) first.edge('proceed', leftOut, this.#guards.freely(place))
    return first
  }

  #groupLoop(place: Place, group: GroupStep, sink: State): State {
    const again = this.#state('normal', place, 0)
    const first = this.#sequence(group.steps, again, group, place.following)
    first.edge('proceed', sink, this.#guards.freely(place))
    again.edge('proceed', first, this.#guards.freely(place))
    return first
  }

  #firstGuards(place: Place): RoundGuards {
    return this.#guards.first(place, this.#furtherRounds.has(place.group as Step))
  }

  #beginsOptionalGroup(place: Place): boolean {
    const group = place.group as GroupStep
    return beginsGroup(place) && group.isOptional && !this.#furtherRounds.has(group)
  }

  #state(kind: StateKind, place?: Place, gapMs?: number): State {
    const step = place?.step
    const isOne = step !== undefined && !isGroup(step)
    // For a step that is repeated the words refuse such a limit.
    const limitMs = isOne && step.times === undefined ? step.sincePreviousMs : undefined
    const number = isOne ? this.#steps.indexOf(step) : -1
    return this.#added(new State(this.#states.length, kind, number, gapMs ?? limitMs ?? 0))
  }

  #added(state: State): State {
    this.#states.push(state)
    return state
  }

  /** As in Flink a copy waits without a limit of its own. */
  #emptyCopy({ kind, step }: State): State {
    return this.#added(new State(this.#states.length, kind, step, 0))
  }

  #copy(state: State): State {
    const copy = this.#emptyCopy(state)
    for (const { action, target, guard } of state.edges) {
      copy.edge(action, target === state ? copy : target, guard)
    }
    return copy
  }

  /**
   * What follows an optional step that took an event: a `notFollowedBy` before it is over then. The
   * same state where there is none.
   */
  #withoutEarlierNots(place: Place, sink: State, copies = new Map<State, State>()): State {
    const nots = earlierNots(place)
    if (nots.length === 0 || !place.step.isOptional) return sink
    const made = copies.get(sink)
    if (made !== undefined) return made
    const over = new Set(nots.map((step) => this.#stops.get(step)))
    const copy = this.#emptyCopy(sink)
    copies.set(sink, copy)
    for (const { action, target, guard } of sink.edges) {
      if (action !== 'proceed') copy.edge(action, target === sink ? copy : target, guard)
      else if (target.kind !== 'stop') {
        copy.edge(action, this.#withoutEarlierNots(place, target, copies), guard)
      } else if (!over.has(target)) copy.edge(action, target, guard)
    }
    return copy
  }

  /** The end of a match that meets what must not come. */
  #stop(place: Place, unwanted: Step): State {
    const known = this.#stops.get(unwanted)
    if (known !== undefined) return known
    const stop = this.#state('stop', { ...place, step: unwanted }, 0)
    stop.edge('take', stop, this.#unwanted(place, unwanted))
    this.#stops.set(unwanted, stop)
    return stop
  }

  #unwanted({ group }: Place, step: Step): Guard {
    return this.#guards.fits({ step, group })
  }

  #addStops(place: Place, state: State): void {
    for (const step of earlierNots(place)) {
      state.edge('proceed', this.#stop(place, step), this.#unwanted(place, step))
    }
  }

  #addStopAfterLoop(place: Place, state: State): void {
    const { following } = place
    if (following?.placement !== 'notFollowedBy') return
    state.edge('proceed', this.#stop(place, following), this.#unwanted(place, following))
  }
}

const greedyAfterNot = (name: string, step: Step) =>
  invalidTopology(
    `in pattern "${name}" ${labelOf(step)} is a greedy, optional loop with until right after a notFollowedBy`,
    'Leave out one of the three, or put another step in between.',
  )
