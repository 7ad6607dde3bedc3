import type { Duration } from '../../core/duration.ts'
import { json } from '../../serde/json.ts'
import { string } from '../../serde/string.ts'
import type { Processor } from '../../topology/processor.ts'
import { windowStore } from '../../topology/window-store.ts'
import type { TopologyBuilder } from '../builder.ts'
import type { GroupedStream } from '../grouped-stream.ts'
import type { Table } from '../table.ts'
import type { Windowed } from '../../serde/windowed-key.ts'
import { SessionStream, type WindowedStream } from '../windowed-stream.ts'
import { hopping, session, sliding, tumbling } from '../windows.ts'
import {
  followsKafkaStreams,
  str,
  textTopic,
  windowedTopic,
  type Family,
} from './follows-kafka-streams.contract.ts'

type Value = string | number
type Maybe = Value | null
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
const n = (value: Maybe): number => Number(value ?? 0)

type Combine = (aggregate: Maybe, value: Maybe) => Maybe

const reducers: Record<string, Combine> = {
  sum: (aggregate, value) => n(aggregate) + n(value),
  max: (aggregate, value) => Math.max(n(aggregate), n(value)),
  concat: (aggregate, value) => `${str(aggregate)}|${str(value)}`,
  sumDrop5: (aggregate, value) => {
    const sum = n(aggregate) + n(value)
    return sum % 5 === 0 ? null : sum
  },
}

interface Aggregator {
  readonly initial: Value
  readonly add: (key: string, value: Maybe, aggregate: Maybe) => Maybe
  readonly merge: (left: Maybe, right: Maybe) => Value
}

const appending = (left: Maybe, right: Maybe): string => str(left) + str(right)
const aggregators: Record<string, Aggregator> = {
  aggList: {
    initial: '',
    add: (_, value, list) => `${str(list)}${str(value)};`,
    merge: appending,
  },
  aggSum: {
    initial: 0,
    add: (_, value, sum) => n(sum) + n(value),
    merge: (left, right) => n(left) + n(right),
  },
  aggKeyed: {
    initial: '>',
    add: (key, value, list) => `${str(list)}${key}:${str(value)};`,
    merge: (left, right) => `${str(left)}&${str(right)}`,
  },
  aggDrop: {
    initial: '',
    add: (_, value, list) =>
      value === null || n(value) % 4 === 0 ? null : `${str(list)}${str(value)};`,
    merge: appending,
  },
}

const found = <T>(table: Record<string, T>, name: string): T => {
  const entry = table[name]
  if (entry === undefined) throw new Error(`there is no function ${name}`)
  return entry
}

type Grouped = GroupedStream<string, Maybe, string>
type Windows = WindowedStream<string, Maybe, string> | SessionStream<string, Maybe, string>
type WindowedBy = (grouped: Grouped, params: WindowParams, emit: 'updates' | 'on-close') => Windows

const shapes: Record<string, WindowedBy> = {
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
}

const storeOf = ({ retentionMs }: WindowParams) => ({
  store: 'w',
  ...(retentionMs === undefined ? {} : { retention: ms(retentionMs) }),
})

const folds: Record<string, (windows: Windows, params: WindowParams) => Result> = {
  count: (windows, params) => windows.count(storeOf(params)),
  reduce: (windows, params) => {
    const reducer = found(reducers, params.reducer)
    const combine = (aggregate: Value, value: Maybe): Maybe => reducer(aggregate, value)
    return windows.reduce(combine, storeOf(params))
  },
  aggregate: (windows, params) => {
    const { initial, add, merge } = found(aggregators, params.agg)
    const adding = (value: Maybe, aggregate: Value, { key }: { readonly key: string }) =>
      add(key, value, aggregate)
    return windows instanceof SessionStream
      ? windows.aggregate(() => initial, adding, merge, storeOf(params))
      : windows.aggregate(() => initial, adding, storeOf(params))
  },
}

const family =
  (shape: string, fold: string, emit: 'updates' | 'on-close'): Family =>
  (builder: TopologyBuilder, params: WindowParams) => {
    const grouped = builder.stream(textTopic<Maybe>('in')).groupByKey()
    const windows = found(shapes, shape)(grouped, params, emit)
    found(folds, fold)(windows, params).toStream().to(windowedTopic<Value | null>('out'))
  }

/** Several updates of a window by one record, which a cache makes one. */
const burst =
  (shape: string): Family =>
  (builder: TopologyBuilder, params: WindowParams) => {
    const grouped = builder
      .stream(textTopic<Maybe>('in'))
      .flatMapValues((value) => {
        const length = value === null ? 0 : Math.max(0, n(value) % params.burst)
        return Array.from({ length }, (_, i) => n(value) + i)
      })
      .groupByKey()
    const windows = found(shapes, shape)(grouped, params, 'updates')
    found(folds, 'aggregate')(windows, params).toStream().to(windowedTopic<Value | null>('out'))
  }

const all = ['tumbling', 'hopping', 'sliding', 'session'].flatMap((shape) =>
  ['count', 'reduce', 'aggregate'].flatMap((fold) => [
    [`${shape}-${fold}-update`, family(shape, fold, 'updates')] as const,
    [`${shape}-${fold}-close`, family(shape, fold, 'on-close')] as const,
  ]),
)

followsKafkaStreams({
  ...Object.fromEntries(all),
  'window-close-throttled': family('tumbling', 'count', 'on-close'),
  'retention-tumbling-close': family('tumbling', 'count', 'on-close'),
  'retention-session-close': family('session', 'count', 'on-close'),
  'cached-hopping': burst('hopping'),
  'cached-session': burst('session'),

  'proc-dedup': (builder, { windowMs }: { windowMs: number }) => {
    const put = (key: string, startMs: number) => ({
      key,
      window: { startMs, endMs: startMs + windowMs },
    })
    const dedup: Processor<string | null, string | null, string | null, string | null> = {
      process: (record, { forward, windowStore: stores }) => {
        const { value: id, timestampMs } = record
        if (id === null) {
          forward(record)
          return
        }
        const ids = stores<string, number>('ids')
        const fromMs = Math.max(0, timestampMs - windowMs)
        const known = [...ids.fetch(id, fromMs, timestampMs + windowMs)]
        const last = known.at(-1)?.[0].window.startMs
        if (last === undefined) {
          ids.put(put(id, timestampMs), timestampMs)
          forward(record)
        } else if (last < timestampMs) ids.put(put(id, timestampMs), last)
      },
    }
    builder.addStateStore(
      windowStore('ids', {
        key: string,
        value: json<number>(),
        retention: ms(2 * windowMs),
        size: ms(windowMs),
      }),
    )
    builder
      .stream(textTopic<string | null>('in'))
      .process(dedup, { name: 'dedup', stores: ['ids'] })
      .to(textTopic<string | null>('out'))
  },
})
