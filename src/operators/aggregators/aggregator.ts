import type { Meta } from '../../core/record.ts'
import { invalidTopology } from '../../topology/invalid-topology.ts'

/** How values are folded into a state, and what it says; for `aggregatorOf`. */
export interface AggregatorDefinition<in V, in out A, out R> {
  /** What a new key, window or group starts from. */
  readonly initial: () => A
  /** Must not change the state it is given. */
  readonly add: (value: V, state: A, meta: Meta) => A
  /** Of two sessions that a record brings together. */
  readonly merge: (earlier: A, later: A) => A
  /** Takes back what was added, for rows of a table that change. */
  readonly subtract?: (value: V, state: A, meta: Meta) => A
  /** What the state says; null: nothing yet, and there is no row. */
  readonly result: (state: A) => R
}

/**
 * A fold that is written once and used on streams by key, by window and by session. Its state is
 * its own business: JSON, in the store that is named.
 */
export interface Aggregator<in V, out R> {
  /** What a new key, window or group starts from. */
  readonly initial: () => unknown
  /** The state with one more value. */
  readonly add: (value: V, state: never, meta: Meta) => unknown
  /** The state of two sessions that have become one. */
  readonly merge: (earlier: never, later: never) => unknown
  /** What the state says. */
  readonly result: (state: never) => R
}

/** One that can take back what it was given, and so be used on the groups of a table. */
export interface ReversibleAggregator<in V, out R> extends Aggregator<V, R> {
  /** The state without a value that was added before. */
  readonly subtract: (value: V, state: never, meta: Meta) => unknown
}

/** An aggregator of one's own. The state must be what JSON can say. */
export function aggregatorOf<V, A, R>(
  definition: AggregatorDefinition<V, A, R> &
    Required<Pick<AggregatorDefinition<V, A, R>, 'subtract'>>,
): ReversibleAggregator<V, R>
export function aggregatorOf<V, A, R>(definition: AggregatorDefinition<V, A, R>): Aggregator<V, R>
export function aggregatorOf<V, A, R>(definition: AggregatorDefinition<V, A, R>): Aggregator<V, R> {
  return Object.freeze({ ...definition })
}

/** Of a state that is the result. */
export const itself = <T>(state: T): T => state

export const isReversible = <V, R>(
  aggregator: Aggregator<V, R>,
): aggregator is ReversibleAggregator<V, R> =>
  'subtract' in aggregator && aggregator.subtract !== undefined

/** Null and undefined are left out; what is no number is refused, for JSON would make it null. */
export function numberOf(value: number | null | undefined): number | null {
  if (value === null || value === undefined) return null
  if (Number.isFinite(value)) return value
  throw new TypeError(`${value} cannot be aggregated`)
}

/** A whole number from 1, of values to keep. */
export function checkedSize(what: string, size: number): number {
  if (Number.isSafeInteger(size) && size > 0) return size
  throw invalidTopology(
    `${what} cannot keep ${size} values`,
    'Give a whole number from 1: what is kept grows with it.',
  )
}
