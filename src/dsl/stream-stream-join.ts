import { durationMs, type Duration } from '../core/duration.ts'
import { json } from '../serde/json.ts'
import { merge } from '../operators/merge.ts'
import {
  streamJoin,
  type JoinWindow,
  type RecordJoiner,
  type Side,
  type StreamJoin,
} from '../operators/join/stream-stream-join.ts'
import type { KeptSides } from '../operators/join/table-table-join.ts'
import { waitingKey } from '../operators/join/waiting-key.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import { keyValueStore, type KeyValueStoreOptions } from '../topology/key-value-store.ts'
import type { SerdeFor } from '../topology/serde-for.ts'
import type { SinkTopic } from '../topology/topic.ts'
import { windowStoreSpec } from '../topology/window-store.ts'
import { erased, repartition, unknownKey, type AnySerde, type Flow } from './flow.ts'
import { sinkTarget } from './sink.ts'
import type { GroupOptions } from './stream-options.ts'

/** How far from a record its partners are, in event time. */
type Reach =
  | {
      /** At most so much earlier or later than the record of this stream. */
      readonly within: Duration
      readonly before?: never
      readonly after?: never
    }
  | {
      readonly within?: never
      /** At most so much earlier than the record of this stream. */
      readonly before: Duration
      /** At most so much later. */
      readonly after: Duration
    }

/** Serdes are for the stores, and for internal topics where a key was changed. */
export type StreamJoinOptions<K, V, V2> = Reach &
  GroupOptions<K, V> & {
    readonly otherValue?: SerdeFor<NonNullable<V2>>
    /**
     * How much longer, in stream time, records are kept for partners that are late. No default: it
     * decides which records meet.
     */
    readonly grace: Duration
    /** What the stores of the join are called after, and its internal topics. */
    readonly store: string | JoinStoreSettings
    /**
     * Of a left or outer join: the least wall-clock time between two looks for records that waited
     * in vain. A second by default, and none in the test driver, as in Kafka Streams.
     */
    readonly emitInterval?: Duration
    /**
     * Where a record goes that came so late that it is in no result, now or later: a topic for each
     * side, or the dead letters of the topology. `drop`, the default, counts it only, as is done in
     * any case.
     */
    readonly late?: LateRecords<K, V, V2> | 'dead-letter' | 'drop'
  }

/** Topics for late records of this stream (left) and the other one. */
export interface LateRecords<in K, in V, in V2> {
  readonly left?: SinkTopic<K, V>
  readonly right?: SinkTopic<K, V2>
}

/** A store of a join with settings of its own, in place of its name. */
export interface JoinStoreSettings extends Omit<
  KeyValueStoreOptions<never, never>,
  'key' | 'value' | 'cached'
> {
  readonly name: string
}

const kinds = {
  join: { left: false, right: false },
  'left-join': { left: true, right: false },
  'outer-join': { left: true, right: true },
} as const satisfies Record<string, KeptSides>

type Sides<T> = Readonly<Record<Side, T>>
const sides = ['left', 'right'] as const
const lateOutput = 'late'
/** Records are kept in about so many stretches of time, or fewer. */
const GROUPS_MAX = 16

/** The flow after a join of two streams. */
export function joinStreams(
  operator: keyof typeof kinds,
  left: Flow,
  right: Flow,
  joiner: RecordJoiner,
  options: StreamJoinOptions<never, never, never>,
): Flow {
  const { graph, words } = left
  if (graph !== right.graph) {
    throw invalidTopology(
      `a ${operator} is given a stream of another topology`,
      'Join streams of the builder that is at hand; topologies meet in topics.',
    )
  }
  const name = nameOf(operator, options)
  const window = windowOf(operator, options)
  const kept = kinds[operator]
  const ready = readyToJoin({ left, right }, name, kept, options)
  const join: StreamJoin = {
    window,
    kept,
    joiner,
    ...declareStores(ready, name, { window, kept }, options),
    emitIntervalMs:
      options.emitInterval === undefined ? undefined : durationMs(options.emitInterval),
    late: lateOf(options),
  }
  const steps = streamJoin(join)
  if (options.late === 'dead-letter') graph.checkDeadLetters(`${operator}(${name})`)
  const inputs = sides.map((side) => {
    const late = typeof options.late === 'object' ? options.late[side] : undefined
    const { name: node } = graph.addProcessor({
      operator: `${operator}-${side}`,
      name: `${operator}-${side}(${name})`,
      inputs: [ready[side].from],
      stores: [...Object.values(join.records), ...Object.values(join.unmatched)],
      outputs: late === undefined ? [] : [lateOutput],
      create: steps[side],
    })
    if (late !== undefined) addLateSink(left, node, late)
    return { node, output: undefined }
  })
  const { name: node } = graph.addProcessor({
    operator,
    name: `${operator}(${name})`,
    inputs,
    create: merge,
  })
  return {
    graph,
    words,
    from: { node, output: undefined },
    key: ready.left.key ?? ready.right.key,
    value: undefined,
    rekeyed: false,
  }
}

function nameOf(
  operator: string,
  options: { readonly store?: string | JoinStoreSettings } | undefined,
): string {
  const store = options?.store
  if (store !== undefined) return typeof store === 'string' ? store : store.name
  throw invalidTopology(
    `a ${operator} of two streams has no store`,
    "Name the place where it keeps its records: { store: 'order-payment' }.",
  )
}

/** Both sides with their serdes, through a topic where a key was changed. */
function readyToJoin(
  flows: Sides<Flow>,
  name: string,
  kept: KeptSides,
  options: StreamJoinOptions<never, never, never>,
): Sides<Flow> {
  const { key, value } = erased(options)
  const other = erased({ value: options.otherValue }).value
  const ready = (side: Side, topic: string, keepsNullKeys: boolean): Flow => {
    const flow = flows[side]
    const serdes = { key, value: side === 'left' ? value : other }
    return flow.rekeyed
      ? repartition(flow, { ...serdes, name: topic, keepsNullKeys })
      : { ...flow, key: key ?? flow.key, value: serdes.value ?? flow.value }
  }
  const [from, to] = [flows.left.from, flows.right.from]
  if (flows.left.rekeyed && from.node === to.node && from.output === to.output) {
    // A stream joined with itself goes through one topic.
    const both = ready('left', name, kept.left || kept.right)
    return { left: both, right: both }
  }
  return {
    left: ready('left', `${name}-left`, kept.left),
    right: ready('right', `${name}-right`, kept.right),
  }
}

function windowOf(
  operator: string,
  { within, before, after, grace }: StreamJoinOptions<never, never, never>,
): JoinWindow {
  if (grace === undefined) {
    throw invalidTopology(
      `a ${operator} of two streams has no grace`,
      "Say how late a record may come: { grace: '30s' }, or '0ms' for none.",
    )
  }
  const [back, forth] = within === undefined ? [before, after] : [within, within]
  if (back === undefined || forth === undefined) {
    throw invalidTopology(
      `a ${operator} of two streams does not say how far apart its records may be`,
      "Write { within: '5m' }, or { before: '0ms', after: '5m' }.",
    )
  }
  const [beforeMs, afterMs] = [signedMs(back), signedMs(forth)]
  if (beforeMs + afterMs < 0) {
    throw invalidTopology(
      `a ${operator} of two streams looks for partners from ${back} before a record to ${forth} after it, which is earlier`,
      "Where partners are later, write { before: '-1m', after: '5m' }: from a minute after it on.",
    )
  }
  return { beforeMs, afterMs, graceMs: durationMs(grace) }
}

/** A minute before is a negative minute after. */
const signedMs = (duration: Duration): number =>
  duration.startsWith('-') ? -durationMs(duration.slice(1) as Duration) : durationMs(duration)

/** Each side's records, and what waits for a partner. */
function declareStores(
  flows: Sides<Flow>,
  name: string,
  { window, kept }: Pick<StreamJoin, 'window' | 'kept'>,
  { store }: StreamJoinOptions<never, never, never>,
): Pick<StreamJoin, 'records' | 'unmatched' | 'serdes'> {
  const { graph } = flows.left
  const { beforeMs, afterMs, graceMs } = window
  const sizeMs = beforeMs + afterMs
  const retentionMs = sizeMs + graceMs
  const key = flows.left.key ?? flows.right.key
  if (key === undefined) throw unknownKey(`store "${name}"`)
  const settings = typeof store === 'string' ? {} : store
  const declare = (side: Side) => {
    const value = flows[side].value ?? json<unknown>()
    const records = windowStoreSpec(
      `${name}-${side}`,
      { ...settings, key, value },
      {
        retentionMs,
        sizeMs,
        // What is read at once of a key then lies in two groups at most, and there are few groups.
        groupMs: Math.max(sizeMs, Math.ceil(retentionMs / GROUPS_MAX), 1),
        duplicates: true,
      },
    )
    graph.addStore(records)
    if (!kept[side]) return { value, records: records.name, unmatched: undefined }
    // What waits is joined within moments, or not at all: there is nothing to coalesce.
    const waiting = { ...settings, key: waitingKey(key) as AnySerde, value, cached: false }
    const unmatched = keyValueStore(`${name}-${side}-unmatched`, waiting)
    graph.addStore(unmatched)
    return { value, records: records.name, unmatched: unmatched.name }
  }
  const [left, right] = [declare('left'), declare('right')]
  return {
    serdes: { key, left: left.value, right: right.value },
    records: { left: left.records, right: right.records },
    unmatched: {
      ...(left.unmatched === undefined ? {} : { left: left.unmatched }),
      ...(right.unmatched === undefined ? {} : { right: right.unmatched }),
    },
  }
}

function lateOf({ late = 'drop' }: StreamJoinOptions<never, never, never>): StreamJoin['late'] {
  if (typeof late === 'string') return { left: late, right: late }
  const output = { output: lateOutput }
  return {
    left: late.left === undefined ? 'drop' : output,
    right: late.right === undefined ? 'drop' : output,
  }
}

function addLateSink(
  { graph }: Pick<Flow, 'graph'>,
  node: string,
  topic: SinkTopic<never, never>,
): void {
  const from = { node, output: lateOutput }
  graph.addSink({ inputs: [from], target: sinkTarget(topic), partition: undefined })
}
