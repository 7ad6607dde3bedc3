import type { Duration } from '../core/duration.ts'
import type { PatternDefinition, Placement, Step } from '../operators/pattern/definition.ts'
import {
  contiguous,
  greedy,
  optional,
  repeated,
  sincePrevious,
  until,
} from '../operators/pattern/step-words.ts'
import { checkKafkaName } from '../topology/names.ts'
import { gapMs, positiveMs, timesRequest, withLast, withStep } from './pattern-definition.ts'
import type {
  Listed,
  MatchOf,
  NoSteps,
  One,
  SoFar,
  StepOptions,
  WithOptions,
} from './pattern-types.ts'

export type { StepOptions } from './pattern-types.ts'

/** Of a pattern as a whole. */
export interface PatternOptions {
  /**
   * Raise it when a predicate has changed so much that partial matches made with the old one must
   * not be continued: the words of a pattern are compared by themselves, predicates are not.
   */
  readonly version?: number
  /** A loop that neither `within` nor `until` ends is meant so: its events are kept for ever. */
  readonly unbounded?: boolean
}

/**
 * A pattern of events, word by word. Its name is the name of the store that keeps partial matches.
 *
 *     pattern<OrderEvent>('payment-failed-after-order')
 *       .begin('start', (event) => event.type === 'OrderCreated')
 *       .next('payment', (event) => event.type === 'PaymentFailed')
 *       .within('5m')
 */
export function pattern<Event>(name: string, options: PatternOptions = {}): PatternStart<Event> {
  checkKafkaName('a pattern', name)
  const { version = 0, unbounded = false } = options
  return new PatternStart({
    name,
    version,
    steps: [],
    withinMs: undefined,
    skip: { kind: 'none' },
    isUnbounded: unbounded,
  })
}

/** What `stream.detect` takes. */
export interface PatternOf<in Event, out Shape> {
  /** @internal */
  readonly '~definition': PatternDefinition
  /** @internal Holds the types. */
  readonly '~types'?: { readonly event: (event: Event) => void; readonly shape: Shape }
}

type Guarded<E, F extends E, S> = (event: E, soFar: S) => event is F
type Asked<E, S> = (event: E, soFar: S) => boolean
type GroupBuilder<E, Outer, Shape> = (group: PatternStart<E, Outer>) => PatternOf<E, Shape>
type Slot<Name extends string, E> = { readonly [N in Name]: One<E> }

type First<E, Outer> = string | GroupBuilder<E, Outer, unknown>

function stepped<E, Before, Last, Outer>(
  definition: PatternDefinition,
  placement: Placement,
  first: First<E, never>,
  predicate: unknown,
  options?: StepOptions,
): Pattern<E, Before, Last, Outer> {
  const group =
    typeof first === 'string'
      ? first
      : (outside: PatternDefinition) => first(new PatternStart(outside))['~definition']
  return new Pattern(withStep(definition, { placement, first: group, predicate, options }))
}

/** A pattern, or a group in one, of which nothing is said yet. */
export class PatternStart<E, Outer = NoSteps> {
  readonly #definition: PatternDefinition

  constructor(definition: PatternDefinition) {
    this.#definition = definition
  }

  /** The first step: every event that fits begins a match. Without a predicate any event fits. */
  begin<const N extends string, F extends E, const O extends StepOptions<E, SoFar<Outer, N, E>>>(
    name: N,
    predicate: Guarded<E, F, SoFar<Outer, N, E>>,
    options?: O,
  ): Pattern<E, NoSteps, WithOptions<Slot<N, F>, O>, Outer>
  begin<const N extends string, const O extends StepOptions<E, SoFar<Outer, N, E>>>(
    name: N,
    predicate?: Asked<E, SoFar<Outer, N, E>>,
    options?: O,
  ): Pattern<E, NoSteps, WithOptions<Slot<N, E>, O>, Outer>
  begin<Shape>(group: GroupBuilder<E, Outer, Shape>): Pattern<E, NoSteps, Shape, Outer>
  begin(
    first: First<E, Outer>,
    predicate?: unknown,
    options?: StepOptions,
  ): Pattern<E, NoSteps, never, Outer> {
    return stepped(this.#definition, 'begin', first, predicate, options)
  }
}

/**
 * A pattern, or a group, so far: words about how often and how long are about its last step, within
 * and the skips about the whole. Each word gives a new pattern.
 */
export class Pattern<E, Before, Last, Outer = NoSteps> implements PatternOf<E, Before & Last> {
  /** @internal */
  readonly '~definition': PatternDefinition
  /** @internal Holds the types. */
  declare readonly '~types'?: {
    readonly event: (event: E) => void
    readonly shape: Before & Last
  }

  constructor(definition: PatternDefinition) {
    this['~definition'] = definition
  }

  /** The event right after the one before. */
  next<
    const N extends string,
    F extends E,
    const O extends StepOptions<E, SoFar<Outer & Before & Last, N, E>>,
  >(
    name: N,
    predicate: Guarded<E, F, SoFar<Outer & Before & Last, N, E>>,
    options?: O,
  ): Pattern<E, Before & Last, WithOptions<Slot<N, F>, O>, Outer>
  next<const N extends string, const O extends StepOptions<E, SoFar<Outer & Before & Last, N, E>>>(
    name: N,
    predicate?: Asked<E, SoFar<Outer & Before & Last, N, E>>,
    options?: O,
  ): Pattern<E, Before & Last, WithOptions<Slot<N, E>, O>, Outer>
  next<Shape>(
    group: GroupBuilder<E, Outer & Before & Last, Shape>,
  ): Pattern<E, Before & Last, Shape, Outer>
  next(
    first: First<E, Outer & Before & Last>,
    predicate?: unknown,
    options?: StepOptions,
  ): Pattern<E, Before & Last, never, Outer> {
    return stepped(this['~definition'], 'next', first, predicate, options)
  }

  /** The first event that fits: those that do not are passed over. */
  followedBy<
    const N extends string,
    F extends E,
    const O extends StepOptions<E, SoFar<Outer & Before & Last, N, E>>,
  >(
    name: N,
    predicate: Guarded<E, F, SoFar<Outer & Before & Last, N, E>>,
    options?: O,
  ): Pattern<E, Before & Last, WithOptions<Slot<N, F>, O>, Outer>
  followedBy<
    const N extends string,
    const O extends StepOptions<E, SoFar<Outer & Before & Last, N, E>>,
  >(
    name: N,
    predicate?: Asked<E, SoFar<Outer & Before & Last, N, E>>,
    options?: O,
  ): Pattern<E, Before & Last, WithOptions<Slot<N, E>, O>, Outer>
  followedBy<Shape>(
    group: GroupBuilder<E, Outer & Before & Last, Shape>,
  ): Pattern<E, Before & Last, Shape, Outer>
  followedBy(
    first: First<E, Outer & Before & Last>,
    predicate?: unknown,
    options?: StepOptions,
  ): Pattern<E, Before & Last, never, Outer> {
    return stepped(this['~definition'], 'followedBy', first, predicate, options)
  }

  /** Each event that fits, one match with each of them. */
  followedByAny<
    const N extends string,
    F extends E,
    const O extends StepOptions<E, SoFar<Outer & Before & Last, N, E>>,
  >(
    name: N,
    predicate: Guarded<E, F, SoFar<Outer & Before & Last, N, E>>,
    options?: O,
  ): Pattern<E, Before & Last, WithOptions<Slot<N, F>, O>, Outer>
  followedByAny<
    const N extends string,
    const O extends StepOptions<E, SoFar<Outer & Before & Last, N, E>>,
  >(
    name: N,
    predicate?: Asked<E, SoFar<Outer & Before & Last, N, E>>,
    options?: O,
  ): Pattern<E, Before & Last, WithOptions<Slot<N, E>, O>, Outer>
  followedByAny<Shape>(
    group: GroupBuilder<E, Outer & Before & Last, Shape>,
  ): Pattern<E, Before & Last, Shape, Outer>
  followedByAny(
    first: First<E, Outer & Before & Last>,
    predicate?: unknown,
    options?: StepOptions,
  ): Pattern<E, Before & Last, never, Outer> {
    return stepped(this['~definition'], 'followedByAny', first, predicate, options)
  }

  /** The next event is none that fits. It is only looked at: the step that follows may take it. */
  notNext<const N extends string>(
    name: N,
    predicate: Asked<E, SoFar<Outer & Before & Last, N, E>>,
  ): Pattern<E, Before & Last, NoSteps, Outer> {
    return stepped(this['~definition'], 'notNext', name, predicate)
  }

  /**
   * No event that fits comes before the step that follows has its event; at the end of a pattern,
   * before the time of `within` is up.
   */
  notFollowedBy<const N extends string>(
    name: N,
    predicate: Asked<E, SoFar<Outer & Before & Last, N, E>>,
  ): Pattern<E, Before & Last, NoSteps, Outer> {
    return stepped(this['~definition'], 'notFollowedBy', name, predicate)
  }

  /** Exactly so many events, or from so many to so many; from 0: the step is optional too. */
  times(count: number, options?: GapOption): Pattern<E, Before, Listed<Last>, Outer>
  times(least: 0, most: number, options?: GapOption): Pattern<E, Before, Optional<Last>, Outer>
  times(least: number, most: number, options?: GapOption): Pattern<E, Before, Listed<Last>, Outer>
  times(
    least: number,
    second?: number | GapOption,
    third?: GapOption,
  ): Pattern<E, Before, never, Outer> {
    const isRange = typeof second === 'number'
    const { gap } = (isRange ? third : second) ?? {}
    const request = timesRequest(isRange ? [least, second] : [least], gap)
    return this.#last((step) => repeated(step, request))
  }

  /** One event or more; each number of them is a match. */
  oneOrMore(options?: GapOption): Pattern<E, Before, Listed<Last>, Outer> {
    return this.timesOrMore(1, options)
  }

  /** So many events or more; each number of them is a match. */
  timesOrMore(least: number, options: GapOption = {}): Pattern<E, Before, Listed<Last>, Outer> {
    const request = { least, most: undefined, gapMs: gapMs(options.gap) }
    return this.#last((step) => repeated(step, request))
  }

  /** The step may be missing. */
  optional(): Pattern<E, Before, Partial<Last>, Outer> {
    return this.#last((step, before) => optional(step, before))
  }

  /** The step takes every event that it can; none of them is left to the step that follows. */
  greedy(): Pattern<E, Before, Last, Outer> {
    return this.#last((step) => greedy(step))
  }

  /** Nothing may come between the events of the step. */
  consecutive(): Pattern<E, Before, Last, Outer> {
    return this.#last((step) => contiguous(step, 'consecutive'))
  }

  /** The step also leaves out events that it could take: every combination is a match. */
  allowCombinations(): Pattern<E, Before, Last, Outer> {
    return this.#last((step) => contiguous(step, 'combinations'))
  }

  /** Ends a step with oneOrMore or timesOrMore; the event that ends it is not taken by it. */
  until(
    predicate: Asked<E, MatchOf<Outer & Before & Partial<Last>>>,
  ): Pattern<E, Before, Last, Outer> {
    return this.#last((step) => until(step, predicate))
  }

  /**
   * From the first event of a match to its last it takes less than that; of several limits the
   * smallest counts. `since: 'previous'`: from the event before the last step to its own.
   */
  within(
    duration: Duration,
    options: { readonly since?: 'start' | 'previous' } = {},
  ): Pattern<E, Before, Last, Outer> {
    const ms = positiveMs(duration)
    if (options.since === 'previous') return this.#last((step) => sincePrevious(step, ms))
    const { withinMs = ms } = this['~definition']
    return this.#changed({ withinMs: Math.min(withinMs, ms) })
  }

  /** A match makes those impossible that begin with the same event. */
  skipToNext(): Pattern<E, Before, Last, Outer> {
    return this.#changed({ skip: { kind: 'to-next' } })
  }

  /** A match makes those impossible that begin before it has ended. */
  skipPastLastEvent(): Pattern<E, Before, Last, Outer> {
    return this.#changed({ skip: { kind: 'past-last' } })
  }

  /** A match makes those impossible that begin before its first event of that step. */
  skipToFirst(
    step: keyof (Before & Last) & string,
    options: SkipOptions = {},
  ): Pattern<E, Before, Last, Outer> {
    return this.#changed({ skip: { kind: 'to-first', step, orFail: options.orFail ?? false } })
  }

  /** A match makes those impossible that begin before its last event of that step. */
  skipToLast(
    step: keyof (Before & Last) & string,
    options: SkipOptions = {},
  ): Pattern<E, Before, Last, Outer> {
    return this.#changed({ skip: { kind: 'to-last', step, orFail: options.orFail ?? false } })
  }

  #last<L>(change: (step: Step, before: Step | undefined) => Step): Pattern<E, Before, L, Outer> {
    return new Pattern(withLast(this['~definition'], change))
  }

  #changed(
    change: Partial<Pick<PatternDefinition, 'withinMs' | 'skip'>>,
  ): Pattern<E, Before, Last, Outer> {
    return new Pattern({ ...this['~definition'], ...change })
  }
}

type Optional<Shape> = Partial<Listed<Shape>>

export interface GapOption {
  /** From one event of the step to the next it takes less than that. */
  readonly gap?: Duration
}

export interface SkipOptions {
  /** Fails where the match has no such step, or would begin with the same event again. */
  readonly orFail?: boolean
}
