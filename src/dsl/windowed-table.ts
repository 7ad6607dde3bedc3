import { durationMs, type Duration } from '../core/duration.ts'
import type { WindowAggregation } from '../operators/window/windowing.ts'
import type { Windowed } from '../serde/windowed-key.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import type { StoreSettings } from '../topology/key-value-store.ts'
import type { OperatorFactory } from '../topology/processor.ts'
import {
  sessionStoreSpec,
  windowStoreSpec,
  type SessionStoreSpec,
  type WindowStoreSpec,
} from '../topology/window-store.ts'
import { unknownKey, type AnySerde } from './flow.ts'
import type { Grouping } from './grouped-stream.ts'
import { flowsTo, foldingSteps } from './folding-steps.ts'
import { sinkTarget } from './sink.ts'
import type { Table } from './table.ts'
import type { SessionsOf, TimeWindows } from './windows.ts'

/** Where windowed results are kept. */
export interface WindowedStoreChoice<in K, in V> {
  /** A name, or a name with settings of its own. */
  readonly store: string | StoreSettings<K, V>
  /**
   * How long a result can be read, from the start of its window or the end of its session, in event
   * time. By default as long as records may still change it.
   */
  readonly retention?: Duration
}

interface WindowedStep {
  readonly operator: string
  /** Of the values, where the store says nothing; undefined: those of the stream. */
  readonly value: AnySerde | undefined
  /** Of the windows, or the gap of sessions. */
  readonly lengthMs: number
  /** For how long a result is needed from its start on, to be changed or to be looked at. */
  readonly keptMs: number
  /** How long after its end a result may change. */
  readonly changesForMs: number
  readonly folds: readonly WindowedFold[]
}

/** One of the streams that are folded into the store. */
export interface WindowedFold {
  readonly grouping: Grouping
  readonly create: (
    aggregation: Omit<WindowAggregation<never, never, never>, 'initial' | 'add'>,
  ) => OperatorFactory
}

const lateOutput = 'late'

/** Adds an aggregation over windows and its store. */
export function windowedTable<K, A, S>(
  windowing: TimeWindows | SessionsOf,
  options: WindowedStoreChoice<never, never>,
  step: WindowedStep,
): Table<Windowed<K>, A, Windowed<S>> {
  const { emit, emitIntervalMs, idleCloseMs, late } = windowing
  const name = nameOf(step.operator, options)
  const flows = flowsTo(step.folds, name)
  const [flow] = flows
  const store = storeOf(options, windowing, step, {
    name,
    key: flow.key,
    value: step.value ?? flow.value,
  })
  flow.graph.addStore(store)
  const aggregation = {
    store: name,
    serdes: { key: store.key as AnySerde, value: store.value },
    emit,
    emitIntervalMs,
    idleCloseMs,
    late: typeof late === 'string' ? late : { output: lateOutput },
  }
  // Kafka Streams' rule, which cannot be kept where windows close for all streams at once.
  const hasOwnTime = step.folds.length > 1 && emit === 'updates'
  const { from, steps } = foldingSteps(flows, {
    operator: step.operator,
    store: name,
    outputs: typeof late === 'string' ? [] : [lateOutput],
    create: step.folds.map(({ create }, index) =>
      create({ ...aggregation, input: hasOwnTime ? String(index) : undefined }),
    ),
  })
  if (late === 'dead-letter') flow.graph.checkDeadLetters(`${step.operator}(${name})`)
  if (typeof late !== 'string') {
    const inputs = steps.map((node) => ({ node, output: lateOutput }))
    flow.graph.addSink({ inputs, target: sinkTarget(late), partition: undefined })
  }
  return flow.words.table({
    graph: flow.graph,
    words: flow.words,
    from,
    key: store.key as AnySerde,
    value: store.value,
    demandOldValues: () => {},
    changesForMs: step.changesForMs,
  })
}

function nameOf(operator: string, options: WindowedStoreChoice<never, never> | undefined): string {
  const store = options?.store
  if (store !== undefined) return typeof store === 'string' ? store : store.name
  throw invalidTopology(
    `${operator} over windows has no store`,
    "Name the place where it keeps its state: { store: 'orders-per-minute' }.",
  )
}

function storeOf(
  { store, retention }: WindowedStoreChoice<never, never>,
  { windows, emit }: TimeWindows | SessionsOf,
  { lengthMs, keptMs }: WindowedStep,
  { name, ...serdes }: { name: string; key: AnySerde | undefined; value: AnySerde | undefined },
): WindowStoreSpec | SessionStoreSpec {
  const { name: _, ...settings } = typeof store === 'string' ? { name } : store
  const key = (settings.key as AnySerde | undefined) ?? serdes.key
  const value = (settings.value as AnySerde | undefined) ?? serdes.value
  if (key === undefined) throw unknownKey(`store "${name}"`)
  if (value === undefined) throw unknownKey(`store "${name}"`)
  const retentionMs = retentionOf(name, retention, keptMs)
  const storeOptions = { ...settings, key, value }
  if (windows.kind === 'session') {
    return sessionStoreSpec(name, storeOptions, { retentionMs, gapMs: lengthMs })
  }
  return windowStoreSpec(name, storeOptions, {
    // As in Kafka Streams: a window is still there when it has just closed.
    retentionMs: Math.min(
      emit === 'on-close' ? retentionMs + 1 : retentionMs,
      Number.MAX_SAFE_INTEGER,
    ),
    sizeMs: lengthMs,
    groupMs: windows.kind === 'fixed' ? windows.advanceMs : Math.max(lengthMs, 1),
    duplicates: false,
  })
}

function retentionOf(name: string, retention: Duration | undefined, keptMs: number): number {
  if (retention === undefined) return Math.min(keptMs, Number.MAX_SAFE_INTEGER)
  const retentionMs = durationMs(retention)
  if (retentionMs >= keptMs) return retentionMs
  throw invalidTopology(
    `store "${name}" keeps results for ${retention}, but records may change them for ${keptMs} ms`,
    `Keep them for at least ${keptMs}ms.`,
  )
}
