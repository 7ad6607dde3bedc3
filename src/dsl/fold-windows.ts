import { aggregateFixed } from '../operators/window/aggregate-fixed.ts'
import {
  aggregateSessions,
  type SessionAggregation,
} from '../operators/window/aggregate-sessions.ts'
import { aggregateSliding } from '../operators/window/aggregate-sliding.ts'
import type { WindowAggregation } from '../operators/window/windowing.ts'
import type { Windowed } from '../serde/windowed-key.ts'
import type { AnySerde } from './flow.ts'
import type { Grouping } from './grouped-stream.ts'
import type { Table } from './table.ts'
import { windowedTable, type WindowedStoreChoice } from './windowed-table.ts'
import type { SessionsOf, TimeWindows } from './windows.ts'

export type Fold<K, V, A> = Pick<WindowAggregation<K, V, A>, 'initial' | 'add'>
export type SessionFold<K, V, A> = Pick<SessionAggregation<K, V, A>, 'initial' | 'add' | 'merge'>

export interface Folding<in K> {
  readonly operator: string
  readonly options: WindowedStoreChoice<K, never>
  /** Of the results, where the store says nothing; undefined: that of the stream. */
  readonly value: AnySerde | undefined
}

/** A stream, and how its values come into the result that it has in common with others. */
interface Input<F> {
  readonly grouping: Grouping
  readonly fold: F
}

type Folded<K, A, S> = Table<Windowed<K>, NonNullable<A>, Windowed<S>>

/** Folds streams into tumbling, hopping or sliding windows. */
export function foldWindows<K, V, A, S>(
  windowing: TimeWindows,
  { operator, options, value }: Folding<K>,
  inputs: readonly Input<Fold<K, V, A>>[],
): Folded<K, A, S> {
  const { windows } = windowing
  const lengthMs = windows.kind === 'fixed' ? windows.sizeMs : windows.differenceMs
  // A late record may still need what is up to twice the difference older than stream time.
  const lookedAtMs = windows.kind === 'fixed' ? lengthMs : 2 * lengthMs
  return windowedTable(windowing, options, {
    operator,
    value,
    lengthMs,
    keptMs: lookedAtMs + windows.graceMs,
    changesForMs: windows.graceMs,
    folds: inputs.map(({ grouping, fold }) => ({
      grouping,
      create: (aggregation) =>
        windows.kind === 'fixed'
          ? aggregateFixed<K, V, A>(windows, { ...aggregation, ...fold })
          : aggregateSliding<K, V, A>(windows, { ...aggregation, ...fold }),
    })),
  })
}

/** Folds streams into sessions. */
export function foldSessions<K, V, A, S>(
  windowing: SessionsOf,
  { operator, options, value }: Folding<K>,
  inputs: readonly Input<SessionFold<K, V, A>>[],
): Folded<K, A, S> {
  const { windows } = windowing
  return windowedTable(windowing, options, {
    operator,
    value,
    lengthMs: windows.gapMs,
    keptMs: windows.gapMs + windows.graceMs,
    changesForMs: windows.gapMs + windows.graceMs,
    folds: inputs.map(({ grouping, fold }) => ({
      grouping,
      create: (aggregation) => aggregateSessions<K, V, A>(windows, { ...aggregation, ...fold }),
    })),
  })
}
