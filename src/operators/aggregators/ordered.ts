import type { Meta } from '../../core/record.ts'
import { invalidTopology } from '../../topology/invalid-topology.ts'
import { aggregatorOf, checkedSize, itself, type Aggregator } from './aggregator.ts'
import { timedAdd, timedMerge, type Bounds, type TimedList } from './timed-list.ts'

/** What is kept of a value. */
type Select<in V, out T> = (value: V, meta: Meta) => T

/** One of the two: how many values to keep, and from which end of time. */
export type CollectOptions =
  | { readonly first: number; readonly last?: never }
  | { readonly last: number; readonly first?: never }

/**
 * Values as a list, in the order of their timestamps, of equal ones in that of their arrival. At
 * most so many: the list is read and written with each record.
 */
export function collectOf<V, T>(
  select: Select<V, T>,
  options: CollectOptions,
): Aggregator<V, readonly T[]> {
  const { first, last } = options ?? {}
  if ((first === undefined) === (last === undefined)) {
    throw invalidTopology(
      'a collection has no end',
      'Say how many values to keep: { last: 100 } or { first: 100 }.',
    )
  }
  const max = checkedSize('a collection', first ?? last ?? 0)
  const bounds: Bounds = { max, from: first === undefined ? 'last' : 'first' }
  return aggregatorOf<V, TimedList<T>, readonly T[]>({
    initial: () => [],
    add: (value, list, meta) => timedAdd(list, select(value, meta), meta.timestampMs, bounds),
    merge: (earlier, later) => timedMerge(earlier, later, bounds),
    result: (list) => list.map(([, value]) => value),
  })
}

/** The value with the smallest timestamp, or what is selected of it; of equal ones the first. */
export function firstOf<V>(): Aggregator<V, V | null>
export function firstOf<V, T>(select: Select<V, T>): Aggregator<V, T | null>
export function firstOf<V>(select: Select<V, unknown> = itself): Aggregator<V, unknown> {
  return oneOf(select, 'first')
}

/** The value with the largest timestamp, or what is selected of it; of equal ones the last. */
export function lastOf<V>(): Aggregator<V, V | null>
export function lastOf<V, T>(select: Select<V, T>): Aggregator<V, T | null>
export function lastOf<V>(select: Select<V, unknown> = itself): Aggregator<V, unknown> {
  return oneOf(select, 'last')
}

function oneOf<V>(select: Select<V, unknown>, from: Bounds['from']): Aggregator<V, unknown> {
  const bounds: Bounds = { max: 1, from }
  return aggregatorOf<V, TimedList<unknown>, unknown>({
    initial: () => [],
    add: (value, list, meta) => timedAdd(list, select(value, meta), meta.timestampMs, bounds),
    merge: (earlier, later) => timedMerge(earlier, later, bounds),
    result: (list) => list[0]?.[1] ?? null,
  })
}
