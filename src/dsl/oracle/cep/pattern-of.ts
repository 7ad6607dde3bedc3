import type { Duration } from '../../../core/duration.ts'
import { pattern, type Pattern, type PatternStart } from '../../pattern.ts'
import type { NoSteps } from '../../pattern-types.ts'
import type { CepFixture, FixtureEvent, FixtureStep } from './fixture.ts'
import { predicateOf, untilOf } from './predicates.ts'

/** A pattern of which the compiler knows no step: they are read from a file. */
type Unknown = Pattern<FixtureEvent, NoSteps, NoSteps>
type Start = PatternStart<FixtureEvent>

const ms = (value: number): Duration => `${value}ms`

/** Says the words of the fixture's pattern. */
export function patternOf({ pattern: { steps, withinMs, withinType, skip } }: CepFixture): Unknown {
  const said = withSteps(pattern<FixtureEvent>('pattern', { unbounded: true }), steps)
  const limited = withWithin(said, { withinMs, withinType }, steps.at(-1))
  const step = skip.step as never
  const orFail = skip.throwOnMiss === true
  switch (skip.type) {
    case 'noSkip':
      return limited
    case 'skipToNext':
      return limited.skipToNext()
    case 'skipPastLastEvent':
      return limited.skipPastLastEvent()
    case 'skipToFirst':
      return limited.skipToFirst(step, { orFail })
    case 'skipToLast':
      return limited.skipToLast(step, { orFail })
  }
}

function withSteps(start: Start, steps: readonly FixtureStep[]): Unknown {
  let said: Unknown | undefined
  for (const step of steps) {
    said = withQuantifier(withStep(said ?? start, step), step)
    said = withWithin(said, step, step)
  }
  return said as Unknown
}

/** One word for all: the fixture says which. */
type Word = (first: string | ((group: Start) => Unknown), predicate: unknown) => Unknown

function withStep(said: Start | Unknown, step: FixtureStep): Unknown {
  const { name, group, contiguity } = step
  const word = (said as unknown as Record<string, Word>)[contiguity] as Word
  const first = group === undefined ? (name as string) : (start: Start) => withSteps(start, group)
  return word.call(said, first, predicateOf(step))
}

function withQuantifier(said: Unknown, { quantifier = {}, until }: FixtureStep): Unknown {
  const { times, oneOrMore, timesOrMore, withinMs } = quantifier
  const gap = withinMs === undefined ? {} : { gap: ms(withinMs) }
  let step = said
  if (times !== undefined) {
    const [least, most] = times
    step = most === undefined ? step.times(least, gap) : step.times(least, most, gap)
  }
  if (oneOrMore === true) step = step.oneOrMore(gap)
  if (timesOrMore !== undefined) step = step.timesOrMore(timesOrMore, gap)
  if (quantifier.consecutive === true) step = step.consecutive()
  if (quantifier.allowCombinations === true) step = step.allowCombinations()
  if (quantifier.greedy === true) step = step.greedy()
  if (quantifier.optional === true) step = step.optional()
  return until === undefined ? step : step.until(untilOf(until))
}

function withWithin(
  said: Unknown,
  { withinMs, withinType }: Pick<CepFixture['pattern'], 'withinMs' | 'withinType'>,
  { quantifier = {}, group }: Partial<FixtureStep> = {},
): Unknown {
  if (withinMs === undefined) return said
  if (withinType !== 'previous-and-current') return said.within(ms(withinMs))
  const { times, oneOrMore, timesOrMore } = quantifier
  const isRepeated = times !== undefined || oneOrMore === true || timesOrMore !== undefined
  // It has no effect in Flink, and is refused here.
  if (isRepeated || group !== undefined) return said
  return said.within(ms(withinMs), { since: 'previous' })
}
