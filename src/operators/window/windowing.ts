import type { Meta } from '../../core/record.ts'
import type { Windowed } from '../../serde/windowed-key.ts'
import { StreamsError } from '../../core/errors.ts'
import type { Progressive, StreamTime } from '../../state/window-store.ts'
import type { Emit, OperatorContext } from '../../topology/processor.ts'
import type { ResultSerializers } from './closing.ts'
import { tableStore, type TableStore } from '../table-store.ts'
import type { EmitWhen } from './windows.ts'

export interface WindowAggregation<in K, in V, in out A> {
  readonly store: string
  /** Of the store. */
  readonly serdes: ResultSerializers
  /**
   * Of one of several streams that share the store (a cogroup): it has a stream time of its own, by
   * this name. Undefined: it has the store's, by which windows close.
   */
  readonly input?: string | undefined
  /** Null: there is nothing to start from, and `add` makes the first aggregate of a value alone. */
  readonly initial: () => A | null
  readonly add: (value: V, aggregate: A | null, meta: Meta<K>) => A | null
  readonly emit: EmitWhen
  /** The least wall-clock time between two looks for closed windows; undefined: what is usual. */
  readonly emitIntervalMs: number | undefined
  /** After how long without a record windows close by the wall clock; undefined: never. */
  readonly idleCloseMs: number | undefined
  /** Where a record goes that came too late for each of its windows. */
  readonly late: 'drop' | 'dead-letter' | { readonly output: string }
}

/** The stream time by which records are late. */
export const streamTimeOf = (
  rows: Progressive,
  { input }: Pick<WindowAggregation<never, never, never>, 'input'>,
): StreamTime => (input === undefined ? rows.progress : rows.streamTimeOf(input))

/** Sends on, or sets aside, a record that came too late. */
export function lateSink(
  { emitTo, deadLetter, nodeName, streamTimeMs }: OperatorContext,
  late: WindowAggregation<never, never, never>['late'],
): Emit {
  if (late === 'drop') return () => {}
  if (late !== 'dead-letter') return emitTo(late.output)
  return (_key, _value, timestampMs) => {
    deadLetter(
      new StreamsError('RECORD_LATE', {
        message: `a record of time ${timestampMs} came to "${nodeName}" at stream time ${streamTimeMs()}, after its windows had closed`,
        hint: 'Give the windows more grace if such records should count.',
      }),
    )
  }
}

/** Puts the row of a window; announces it too, unless results wait for the window to close. */
export function windowUpdate<K, A>(
  context: OperatorContext,
  { store, emit }: Pick<WindowAggregation<never, never, A>, 'store' | 'emit'>,
): TableStore<Windowed<K>, A>['update'] {
  if (emit === 'updates') return tableStore<Windowed<K>, A>(context, store, context.emit).update
  const rows = context.store<Windowed<K>, A>(store)
  return (key, value, _, timestampMs) => rows.put(key, value, timestampMs)
}
