import { durationMs, type Duration } from '../core/duration.ts'
import type { Meta } from '../core/record.ts'
import {
  correlate as correlator,
  latePartOutput,
  partOf,
  timedOutOutput,
  type Correlation,
} from '../operators/correlate/correlate.ts'
import { correlationRowSerde } from '../operators/correlate/correlation-row.ts'
import { selectKey } from '../operators/select-key.ts'
import { json } from '../serde/json.ts'
import type { ProcessorDraft } from '../topology/graph-builder.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import { keyValueStore } from '../topology/key-value-store.ts'
import type { SerdeFor } from '../topology/serde-for.ts'
import { timerStore } from '../topology/timer-store.ts'
import { after, erased, keyed, unknownKey, type Flow } from './flow.ts'
import type { Stream } from './stream.ts'

type AnyStream = Stream<never, unknown, never> | Stream<unknown, unknown, never>
type Streams = Readonly<Record<string, AnyStream>>

type ValueOf<T> = T extends Stream<infer _K, infer V, infer _S> ? NonNullable<V> : never
type KeyOf<T> = T extends Stream<infer K, infer _V, infer _S> ? K : never
type AnyKeyOf<T extends Streams> = NonNullable<KeyOf<T[keyof T]>>

/** The parts by the names of their streams. */
export type PartsOf<T extends Streams> = { readonly [N in keyof T]: ValueOf<T[N]> }

/** As a result has them: those that are not required may be missing. */
type Complete<T extends Streams, R extends keyof T> = Pick<PartsOf<T>, R> &
  Partial<Omit<PartsOf<T>, R>>

/** A part that came when its result, or what there was of it, was out. */
export type LatePart<T extends Streams> = {
  readonly [N in keyof T]: { readonly part: N; readonly value: ValueOf<T[N]> }
}[keyof T]

/** What belongs together, for how long it is waited for, and where. */
export interface CorrelateOptions<T extends Streams, Id, R extends keyof T = keyof T> {
  /**
   * What the records of a result have in common; the records' keys by default. Records go through
   * topics called after the store and the stream, so that equal ids meet in one partition.
   */
  readonly by?: (part: ValueOf<T[keyof T]>, meta: Meta<KeyOf<T[keyof T]>>) => Id | null
  /** How far apart the earliest and the latest part of a result may be, in event time. */
  readonly within: Duration
  /** How much longer, in stream time, late parts are waited for. No default: it decides results. */
  readonly grace: Duration
  /** Where parts wait; beside it there are timers, `<store>-timers`. */
  readonly store: string
  /** The streams that a result needs a part of; all of them by default. */
  readonly required?: readonly R[]
  /** Which of several parts of one stream counts, until the result is out; `last` by default. */
  readonly repeated?: 'first' | 'last'
  /** By the wall clock: an id is also given up when no part of it has come for so long. */
  readonly idleClose?: Duration
  /** How ids are written; the serde of the streams' keys, where `by` is not given, by default. */
  readonly key?: SerdeFor<NonNullable<Id>>
}

/** Results, each with the time of its latest part and the headers of the part that completed it. */
export type Correlated<K, T extends Streams, R extends keyof T = keyof T> = Stream<
  K,
  Complete<T, R>,
  K
> & {
  /** What was there when the time was up, with that time (first part and `within`). */
  readonly timedOut: Stream<K, Partial<PartsOf<T>>, K>
  /** Parts that came after that, or after the result. */
  readonly late: Stream<K, LatePart<T>, K>
}

/**
 * Event correlation: brings together what belongs to one id from several streams, in any order.
 *
 *     correlate({ order: orders, payment: payments }, { within: '5m', grace: '1m', store: 'paid' })
 */
export function correlate<
  const T extends Streams,
  Id = AnyKeyOf<T>,
  const R extends keyof T = keyof T,
>(streams: T, options: CorrelateOptions<T, Id, R>): Correlated<NonNullable<Id>, T, R> {
  const { store } = options
  const names = Object.keys(streams)
  const [first] = Object.values(streams)
  if (first === undefined || names.length < 2) {
    throw invalidTopology(
      'correlate is given fewer than two streams',
      'Name what belongs together: correlate({ order: orders, payment: payments }, …).',
    )
  }
  checkOptions(options)
  const { graph, words } = first['~flow']
  const flows = names.map((name) =>
    readyFlow(streams[name]!['~flow'], `${store}-${name}`, options as Ready),
  )
  const key = flows.find((flow) => flow.key !== undefined)?.key
  if (key === undefined) throw unknownKey(`store "${store}"`)
  const serdes = flows.map((flow) => flow.value ?? json<unknown>())
  graph.addStore(
    keyValueStore(store, { key, value: correlationRowSerde(serdes), cached: false }) as never,
  )
  const timers = timerStore(`${store}-timers`, { key })
  graph.addStore(timers)
  const inputs = flows.map((flow, number) => {
    if (flow.graph !== graph) throw fromElsewhere()
    const create = partOf(number)
    return after(flow, { operator: 'part', name: `part(${store}, ${names[number]})`, create }).from
  })
  const correlation = correlationOf(options as never, names, timers.name)
  const draft: ProcessorDraft = graph.addProcessor({
    operator: 'correlate',
    name: `correlate(${store})`,
    inputs,
    stores: [store, timers.name],
    create: (context) => correlator({ ...correlation, outputs: draft.outputs })(context),
  })
  const output = (name: string | undefined): Flow => {
    if (name !== undefined && !draft.outputs.includes(name)) draft.outputs.push(name)
    const from = { node: draft.name, output: name }
    return { graph, words, from, key, value: undefined, rekeyed: false }
  }
  const results = words.stream(output(undefined))
  return Object.defineProperties(results, {
    timedOut: { get: () => words.stream(output(timedOutOutput)) },
    late: { get: () => words.stream(output(latePartOutput)) },
  }) as Correlated<NonNullable<Id>, T, R>
}

/** As it is when nobody looks at types any more. */
type Correlating = CorrelateOptions<Streams, unknown, string>

interface Ready {
  readonly by?: (value: never, meta: Meta<never>) => unknown
  readonly key?: SerdeFor<never>
}

/** Through a topic where the id is not the key that the records came with. */
function readyFlow(flow: Flow, name: string, { by, key }: Ready): Flow {
  const serdes = erased({ key })
  if (by === undefined) return keyed(flow, name, serdes)
  const step = { operator: 'select-key', name: `select-key(${name})`, create: selectKey(by) }
  return keyed(after(flow, step, { rekeyed: true }), name, serdes)
}

function correlationOf(
  options: Correlating,
  names: readonly string[],
  timers: string,
): Omit<Correlation, 'outputs'> {
  const { store, required = names, repeated = 'last', idleClose } = options
  const unknown = required.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw invalidTopology(
      `correlate requires a part "${unknown}", which none of its streams is called`,
      `Require some of: ${names.join(', ')}.`,
    )
  }
  return {
    store,
    timers,
    names,
    required: names.map((name) => required.includes(name)),
    withinMs: durationMs(options.within),
    graceMs: durationMs(options.grace),
    idleCloseMs: idleClose === undefined ? undefined : durationMs(idleClose),
    keepsLast: repeated === 'last',
  }
}

function checkOptions({
  store,
  within,
  grace,
}: Pick<Correlating, 'store' | 'within' | 'grace'>): void {
  const missing = Object.entries({ store, within, grace }).find(([, value]) => value === undefined)
  if (missing === undefined) return
  throw invalidTopology(
    `correlate has no ${missing[0]}`,
    "Write { within: '5m', grace: '1m', store: 'order-payment' }: none of them can be guessed.",
  )
}

const fromElsewhere = () =>
  invalidTopology(
    'correlate is given streams of two topologies',
    'Correlate streams of the builder that is at hand; topologies meet in topics.',
  )
