import type { Duration } from '../core/duration.ts'

/*
 * What a match looks like is followed word by word: a shape has a slot for each step, which says
 * whether it shows one event or a list.
 */
export interface One<out E> {
  readonly one: E
}
export interface Many<out E> {
  readonly many: E
}
export type NoSteps = object

type Shown<Slot> = Slot extends Many<infer E> ? readonly E[] : Slot extends One<infer E> ? E : never

/** A match: by the names of the steps, an event, or a list where a step may take several. */
export type MatchOf<Shape> = { readonly [N in keyof Shape]: Shown<Shape[N]> }

/** What a partial match had when its time was up. */
export type PartialOf<Shape> = Partial<MatchOf<Shape>>

/** As the step shows when it is repeated. */
export type Listed<Shape> = {
  readonly [N in keyof Shape]: Exclude<Shape[N], undefined> extends One<infer E>
    ? Many<E>
    : Shape[N]
}

/**
 * What a predicate is shown of its partial match: the events of the steps before, and of its own
 * step, as a list, those it has taken.
 */
export type SoFar<Shape, Name extends string, E> = MatchOf<Shape> & {
  readonly [N in Name]: readonly E[]
}

/** The words of a step as options. */
export interface StepOptions<E = never, SoFarNow = never> {
  /** Exactly so many events, or from so many to so many; `[0, n]`: the step is optional too. */
  readonly times?: number | readonly [least: number, most: number]
  /** So many events or more. */
  readonly atLeast?: number
  /** From one event of the step to the next it takes less than that. */
  readonly gap?: Duration
  /** The step may be missing. */
  readonly optional?: boolean
  /** Takes every event that it can. */
  readonly greedy?: boolean
  /** Nothing may come between the events of the step. */
  readonly consecutive?: boolean
  /** Also leaves out events that it could take: every combination is a match. */
  readonly allowCombinations?: boolean
  /** Ends a step with `atLeast`; what ends it is not taken by it. */
  readonly until?: (event: E, soFar: SoFarNow) => boolean
}

/** The shape of a step with these options. */
export type WithOptions<Shape, O> = OptionalWith<RepeatedWith<Shape, O>, O>

type RepeatedWith<Shape, O> = O extends { readonly times: unknown } | { readonly atLeast: unknown }
  ? Listed<Shape>
  : Shape

type OptionalWith<Shape, O> = O extends
  { readonly optional: true } | { readonly times: readonly [0, number] }
  ? Partial<Shape>
  : Shape
