/** Values with the timestamps of their records, in the order of time, then of arrival. */
export type TimedList<V> = readonly (readonly [timestampMs: number, value: V])[]

/** At most so many, from one end of time. */
export interface Bounds {
  readonly max: number
  readonly from: 'first' | 'last'
}

/** The list with one more value; what is beyond the bounds is dropped. */
export function timedAdd<V>(
  list: TimedList<V>,
  value: V,
  timestampMs: number,
  bounds: Bounds,
): TimedList<V> {
  let at = list.length
  while (at > 0 && (list[at - 1]?.[0] ?? 0) > timestampMs) at--
  return bounded([...list.slice(0, at), [timestampMs, value], ...list.slice(at)], bounds)
}

/** Of equal times those of the first list come first. */
export function timedMerge<V>(
  earlier: TimedList<V>,
  later: TimedList<V>,
  bounds: Bounds,
): TimedList<V> {
  const all = [...earlier, ...later].toSorted(([left], [right]) => left - right)
  return bounded(all, bounds)
}

const bounded = <V>(list: TimedList<V>, { max, from }: Bounds): TimedList<V> =>
  list.length <= max ? list : from === 'first' ? list.slice(0, max) : list.slice(-max)
