import type { Meta } from '../../core/record.ts'
import { aggregatorOf, checkedSize, numberOf, type Aggregator } from './aggregator.ts'
import type { NumberOf } from './numbers.ts'

/** How many of the best are kept. */
export interface TopOptions {
  /** How many values to keep. */
  readonly size: number
}

type Ranked<V> = readonly (readonly [score: number, value: V])[]

/** The values with the largest scores, the largest first; of equal ones the one that came first. */
export function topOf<V>(score: NumberOf<V>, { size }: TopOptions): Aggregator<V, readonly V[]> {
  const max = checkedSize('a ranking', size)
  return aggregatorOf<V, Ranked<V>, readonly V[]>({
    initial: () => [],
    add: (value, ranked, meta) => placed(ranked, value, scoreOf(score, value, meta), max),
    merge: (earlier, later) =>
      [...earlier, ...later].toSorted(([left], [right]) => right - left).slice(0, max),
    result: (ranked) => ranked.map(([, value]) => value),
  })
}

const scoreOf = <V>(score: NumberOf<V>, value: V, meta: Meta): number | null =>
  numberOf(score(value, meta))

/** Without a score, or below the last of a full ranking, nothing changes. */
function placed<V>(ranked: Ranked<V>, value: V, score: number | null, max: number): Ranked<V> {
  if (score === null) return ranked
  let at = ranked.length
  while (at > 0 && (ranked[at - 1]?.[0] ?? 0) < score) at--
  if (at === max) return ranked
  return [...ranked.slice(0, at), [score, value] as const, ...ranked.slice(at)].slice(0, max)
}
