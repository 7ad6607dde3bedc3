import type { Duration } from '../../../core/duration.ts'
import type { TopologyBuilder } from '../../builder.ts'
import type { GroupedStream } from '../../grouped-stream.ts'
import type { Table } from '../../table.ts'
import type { Windowed } from '../../../serde/windowed-key.ts'
import { SessionStream, type WindowedStream } from '../../windowed-stream.ts'
import { hopping, session, sliding, tumbling } from '../../windows.ts'
import type { Families, Family } from '../fixture.ts'
import { aggregatorOf, burstOf, reducerOf, type Maybe, type Value } from '../functions.ts'
import { textTopic, windowedTopic } from '../topics.ts'

type Result = Table<Windowed<string>, Value>

interface WindowParams {
  readonly sizeMs: number
  readonly advanceMs: number
  readonly diffMs: number
  readonly gapMs: number
  readonly graceMs: number
  readonly retentionMs?: number
  readonly emitIntervalMs?: number
  readonly reducer: string
  readonly agg: string
  readonly burst: number
}

const ms = (value: number): Duration => `${value}ms`

type Grouped = GroupedStream<string, Maybe, string>
type Windows = WindowedStream<string, Maybe, string> | SessionStream<string, Maybe, string>
type Fold = (windows: Windows, params: WindowParams) => Result
type WindowedBy = (grouped: Grouped, params: WindowParams, emit: 'updates' | 'on-close') => Windows

const shapes = {
  tumbling: (grouped, { sizeMs, graceMs, ...params }, emit) =>
    grouped.windowedBy(
      tumbling(ms(sizeMs), {
        grace: ms(graceMs),
        emit,
        emitInterval: ms(params.emitIntervalMs ?? 0),
      }),
    ),
  hopping: (grouped, { sizeMs, advanceMs, graceMs }, emit) =>
    grouped.windowedBy(hopping(ms(sizeMs), { advance: ms(advanceMs), grace: ms(graceMs), emit })),
  sliding: (grouped, { diffMs, graceMs }, emit) =>
    grouped.windowedBy(sliding(ms(diffMs), { grace: ms(graceMs), emit })),
  session: (grouped, { gapMs, graceMs }, emit) =>
    grouped.windowedBy(session(ms(gapMs), { grace: ms(graceMs), emit })),
} satisfies Record<string, WindowedBy>

const storeOf = ({ retentionMs }: WindowParams) => ({
  store: 'w',
  ...(retentionMs === undefined ? {} : { retention: ms(retentionMs) }),
})

const folds = {
  count: (windows, params) => windows.count(storeOf(params)),
  reduce: (windows, params) => {
    const reducer = reducerOf(params.reducer)
    const combine = (aggregate: Value, value: Maybe): Maybe => reducer(aggregate, value)
    return windows.reduce(combine, storeOf(params))
  },
  aggregate: (windows, params) => {
    const { initial, add, merge } = aggregatorOf(params.agg)
    const adding = (value: Maybe, aggregate: Value, { key }: { readonly key: string }) =>
      add(key, value, aggregate)
    return windows instanceof SessionStream
      ? windows.aggregate(() => initial, adding, merge, storeOf(params))
      : windows.aggregate(() => initial, adding, storeOf(params))
  },
} satisfies Record<string, Fold>

const family =
  (windowedBy: WindowedBy, fold: Fold, emit: 'updates' | 'on-close'): Family =>
  (builder: TopologyBuilder, params: WindowParams) => {
    const grouped = builder.stream(textTopic<Maybe>('in')).groupByKey()
    const windows = windowedBy(grouped, params, emit)
    fold(windows, params).toStream().to(windowedTopic<Value | null>('out'))
  }

/** Several updates of a window by one record, which a cache makes one. */
const burst =
  (windowedBy: WindowedBy): Family =>
  (builder: TopologyBuilder, params: WindowParams) => {
    const grouped = builder
      .stream(textTopic<Maybe>('in'))
      .flatMapValues((value): readonly Maybe[] => burstOf(value, params.burst))
      .groupByKey()
    const windows = windowedBy(grouped, params, 'updates')
    folds.aggregate(windows, params).toStream().to(windowedTopic<Value | null>('out'))
  }

const all = Object.entries(shapes).flatMap(([shape, windowedBy]) =>
  Object.entries(folds).flatMap(([name, fold]) => [
    [`${shape}-${name}-update`, family(windowedBy, fold, 'updates')] as const,
    [`${shape}-${name}-close`, family(windowedBy, fold, 'on-close')] as const,
  ]),
)

export const windows: Families = {
  ...Object.fromEntries(all),
  'window-close-throttled': family(shapes.tumbling, folds.count, 'on-close'),
  'retention-tumbling-close': family(shapes.tumbling, folds.count, 'on-close'),
  'retention-session-close': family(shapes.session, folds.count, 'on-close'),
  'cached-hopping': burst(shapes.hopping),
  'cached-session': burst(shapes.session),
}
