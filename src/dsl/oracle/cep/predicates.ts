import type { Comparable, Comparison, FixtureEvent, FixtureStep, Iterative, Op } from './fixture.ts'

type SoFar = Readonly<Record<string, unknown>>
export type FixturePredicate = (event: FixtureEvent, soFar: object) => boolean

const compare = (left: string | number, op: Op, right: Comparable): boolean => {
  switch (op) {
    case 'eq':
      return left === right
    case 'ne':
      return left !== right
    case 'lt':
      return left < (right as typeof left)
    case 'le':
      return left <= (right as typeof left)
    case 'gt':
      return left > (right as typeof left)
    case 'ge':
      return left >= (right as typeof left)
    case 'in':
      return (right as readonly (string | number)[]).includes(left)
  }
}

const holds = (comparison: Comparison, event: FixtureEvent): boolean =>
  'and' in comparison
    ? comparison.and.every((each) => holds(each, event))
    : compare(event[comparison.field], comparison.op, comparison.value)

/** What a step has taken, whether it shows as one event, as a list, or not at all. */
const takenBy = (soFar: SoFar, step: string): readonly FixtureEvent[] => {
  const shown = soFar[step]
  if (shown === undefined) return []
  return (Array.isArray(shown) ? shown : [shown]) as readonly FixtureEvent[]
}

function iterativeHolds(
  { kind, step, op, limit = 0 }: Iterative,
  { value }: FixtureEvent,
  soFar: SoFar,
): boolean {
  const events = takenBy(soFar, step)
  const sum = events.reduce((total, event) => total + event.value, 0)
  switch (kind) {
    case 'sum':
      return compare(sum + value, op, limit)
    case 'sumBefore':
      return compare(sum, op, limit)
    case 'count':
      return compare(events.length, op, limit)
    case 'average':
      return events.length === 0 || compare(value * events.length, op, sum)
    case 'first':
    case 'last': {
      const other = events.at(kind === 'first' ? 0 : -1)
      return other === undefined || compare(value, op, other.value)
    }
  }
}

/** Where neither says anything, any event fits. */
export function predicateOf(step: FixtureStep): FixturePredicate | undefined {
  const { where = [], or = [], iterative, subtype } = step
  const isPlain = where.length === 0 && subtype === undefined
  if (isPlain && or.length === 0 && iterative === undefined) return undefined
  return (event, soFar) => {
    const isUpper = subtype === undefined || /^[A-Z]/.test(event.type)
    const isWhere = isUpper && where.every((each) => holds(each, event))
    // Flink: with no condition before it, or is the first one.
    const isOr = or.some((each) => holds(each, event))
    const fits = isPlain && or.length > 0 ? isOr : isWhere || isOr
    return fits && (iterative === undefined || iterativeHolds(iterative, event, soFar as SoFar))
  }
}

export const untilOf =
  (until: Comparison | Iterative): FixturePredicate =>
  (event, soFar) =>
    'kind' in until ? iterativeHolds(until, event, soFar as SoFar) : holds(until, event)
