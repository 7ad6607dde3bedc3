import type { Meta } from '../../core/record.ts'
import {
  aggregatorOf,
  checkedSize,
  itself,
  numberOf,
  type Aggregator,
  type ReversibleAggregator,
} from './aggregator.ts'
import { timedAdd, timedMerge, type Bounds, type TimedList } from './timed-list.ts'

/** The number of a value; null where it has none, and is left out. */
export type NumberOf<in V> = (value: V, meta: Meta) => number | null | undefined

/** Limits an aggregate to the newest values. */
export interface LastOption {
  /** Of so many values only: those with the largest timestamps. Their numbers are kept. */
  readonly last: number
}

/** How many values there are, or for how many the predicate is true. */
export const countOf = <V>(
  predicate: (value: V, meta: Meta) => boolean = () => true,
): ReversibleAggregator<V, number> =>
  aggregatorOf<V, number, number>({
    initial: () => 0,
    add: (value, count, meta) => (predicate(value, meta) ? count + 1 : count),
    subtract: (value, count, meta) => (predicate(value, meta) ? count - 1 : count),
    merge: (earlier, later) => earlier + later,
    result: itself,
  })

/** The sum of a number of each value; 0 where there is none. */
export function sumOf<V>(select: NumberOf<V>): ReversibleAggregator<V, number>
export function sumOf<V>(select: NumberOf<V>, options: LastOption): Aggregator<V, number>
export function sumOf<V>(select: NumberOf<V>, options?: LastOption): Aggregator<V, number> {
  if (options !== undefined) return ofLast(select, options, sum)
  return aggregatorOf<V, number, number>({
    initial: () => 0,
    add: (value, total, meta) => total + (numberOf(select(value, meta)) ?? 0),
    subtract: (value, total, meta) => total - (numberOf(select(value, meta)) ?? 0),
    merge: (earlier, later) => earlier + later,
    result: itself,
  })
}

interface Average {
  readonly sum: number
  readonly count: number
}

/** The average of a number of each value; null where there is none. */
export function averageOf<V>(select: NumberOf<V>): ReversibleAggregator<V, number | null>
export function averageOf<V>(select: NumberOf<V>, options: LastOption): Aggregator<V, number | null>
export function averageOf<V>(
  select: NumberOf<V>,
  options?: LastOption,
): Aggregator<V, number | null> {
  if (options !== undefined) {
    return ofLast(select, options, (numbers) =>
      numbers.length === 0 ? null : sum(numbers) / numbers.length,
    )
  }
  const none: Average = { sum: 0, count: 0 }
  return aggregatorOf<V, Average, number | null>({
    initial: () => none,
    add: (value, average, meta) => {
      const number = numberOf(select(value, meta))
      return number === null ? average : { sum: average.sum + number, count: average.count + 1 }
    },
    subtract: (value, average, meta) => {
      const number = numberOf(select(value, meta))
      if (number === null) return average
      const count = average.count - 1
      // What rounding has left behind ends with the group.
      return count === 0 ? none : { sum: average.sum - number, count }
    },
    merge: (earlier, later) => ({
      sum: earlier.sum + later.sum,
      count: earlier.count + later.count,
    }),
    result: ({ sum: total, count }) => (count === 0 ? null : total / count),
  })
}

/** The smallest number of all values; null where there is none. */
export const minOf = <V>(select: NumberOf<V>, options?: LastOption): Aggregator<V, number | null> =>
  extreme(select, options, (left, right) => left < right)

/** The largest number of all values; null where there is none. */
export const maxOf = <V>(select: NumberOf<V>, options?: LastOption): Aggregator<V, number | null> =>
  extreme(select, options, (left, right) => left > right)

interface Best {
  readonly best: number | null
}

function extreme<V>(
  select: NumberOf<V>,
  options: LastOption | undefined,
  isBetter: (left: number, right: number) => boolean,
): Aggregator<V, number | null> {
  const better = (left: number | null, right: number | null): number | null => {
    if (left === null || right === null) return left ?? right
    return isBetter(right, left) ? right : left
  }
  if (options !== undefined) {
    return ofLast(select, options, (numbers) => numbers.reduce(better, null))
  }
  // Not the number itself: a session that has none is a session all the same, and must be kept.
  return aggregatorOf<V, Best, number | null>({
    initial: () => ({ best: null }),
    add: (value, { best }, meta) => ({ best: better(best, numberOf(select(value, meta))) }),
    merge: (earlier, later) => ({ best: better(earlier.best, later.best) }),
    result: ({ best }) => best,
  })
}

function ofLast<V, R>(
  select: NumberOf<V>,
  { last }: LastOption,
  result: (numbers: readonly (number | null)[] & readonly number[]) => R,
): Aggregator<V, R> {
  const bounds: Bounds = {
    max: checkedSize('an aggregation of the last values', last),
    from: 'last',
  }
  return aggregatorOf<V, TimedList<number>, R>({
    initial: () => [],
    add: (value, numbers, meta) => {
      const number = numberOf(select(value, meta))
      return number === null ? numbers : timedAdd(numbers, number, meta.timestampMs, bounds)
    },
    merge: (earlier, later) => timedMerge(earlier, later, bounds),
    result: (numbers) => result(numbers.map(([, number]) => number)),
  })
}

const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, number) => total + number, 0)
