/** A comparison of a field of the event, or several of which all must hold. */
export type Comparison =
  | { readonly field: 'type' | 'value' | 'id'; readonly op: Op; readonly value: Comparable }
  | { readonly and: readonly Comparison[] }

export type Op = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'in'
export type Comparable = string | number | readonly (string | number)[]

/** A comparison with the events that a step has taken so far. */
export interface Iterative {
  readonly kind: 'sum' | 'sumBefore' | 'count' | 'first' | 'last' | 'average'
  readonly step: string
  readonly op: Op
  readonly limit?: number
}

export interface FixtureStep {
  /** A group has none. */
  readonly name?: string
  readonly group?: readonly FixtureStep[]
  readonly contiguity:
    'begin' | 'next' | 'followedBy' | 'followedByAny' | 'notNext' | 'notFollowedBy'
  readonly subtype?: 'Upper'
  readonly where?: readonly Comparison[]
  readonly or?: readonly Comparison[]
  readonly iterative?: Iterative
  readonly until?: Comparison | Iterative
  readonly quantifier?: {
    readonly times?: readonly [number] | readonly [number, number]
    readonly oneOrMore?: boolean
    readonly timesOrMore?: number
    readonly withinMs?: number
    readonly consecutive?: boolean
    readonly allowCombinations?: boolean
    readonly greedy?: boolean
    readonly optional?: boolean
  }
  readonly withinMs?: number
  readonly withinType?: WithinType
}

export type WithinType = 'first-and-last' | 'previous-and-current'

export interface FixtureEvent {
  readonly id: string
  readonly key: string
  readonly type: string
  readonly value: number
  readonly timestampMs: number
}

/** Ids of events by step, in the order the steps were taken. */
export type Ids = Readonly<Record<string, readonly string[]>>

export interface Found {
  readonly key: string
  /** `max`: the end of the input. */
  readonly timestampMs: number | 'max'
  /** Index of the input during which it came; the length of the input at its end. */
  readonly atInput: number
}

/** One run of real Flink CEP 2.2.1. */
export interface CepFixture {
  readonly name: string
  readonly tags: readonly string[]
  readonly flink: string
  readonly pattern: {
    readonly steps: readonly FixtureStep[]
    readonly withinMs?: number | undefined
    readonly withinType?: WithinType | undefined
    readonly skip: {
      readonly type: 'noSkip' | 'skipToNext' | 'skipPastLastEvent' | 'skipToFirst' | 'skipToLast'
      readonly step?: string
      readonly throwOnMiss?: boolean
    }
  }
  /** Undefined: watermarks are in the input. */
  readonly outOfOrdernessMs?: number
  readonly input: readonly (FixtureEvent | { readonly watermarkMs: number })[]
  readonly matches: readonly (Found & { readonly match: Ids })[]
  readonly timedOut: readonly (Found & { readonly partial: Ids })[]
  readonly late: readonly string[]
  /** Flink refuses the pattern. */
  readonly rejected?: boolean
  readonly error?: string
  /** The job fails, at `atInput`. */
  readonly runtimeError?: string
  readonly atInput?: number
}

export const isCepFixture = (file: object): file is CepFixture =>
  'flink' in file && 'pattern' in file
