import { durationMs, type Duration } from '../core/duration.ts'
import { compilePattern } from '../operators/pattern/compile.ts'
import { detect, lateOutput, timedOutOutput, type Detection } from '../operators/pattern/detect.ts'
import { keyStateSerde, type KeyStateSerde } from '../operators/pattern/key-state-serde.ts'
import { timeRowSerde } from '../operators/pattern/time-rows.ts'
import { bytes } from '../serde/bytes.ts'
import { json } from '../serde/json.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import type { ProcessorDraft } from '../topology/graph-builder.ts'
import { keyValueStore, type KeyValueStoreSpec } from '../topology/key-value-store.ts'
import type { SerdeFor } from '../topology/serde-for.ts'
import { addStep, unknownKey, type Flow } from './flow.ts'
import { positiveMs } from './pattern-definition.ts'
import type { PatternOf } from './pattern.ts'
import type { MatchOf, PartialOf } from './pattern-types.ts'
import type { Stream } from './stream.ts'

const PARTIAL_MATCHES_MAX = 10_000

/** How events are kept and put in order before a pattern sees them. */
export interface DetectOptions<V> {
  /** How events are kept; the serde of the stream, or JSON, by default. */
  readonly value?: SerdeFor<NonNullable<V>>
  /**
   * Events of a key are put in the order of their timestamps: one waits until a record has come
   * here, of any key, whose timestamp is larger by more than that. Without it they are taken in the
   * order they come, at once.
   */
  readonly outOfOrderness?: Duration
  /** When no record has come for so long, by the wall clock, time goes on with that clock. */
  readonly idleClose?: Duration
  /**
   * `when-due`: a partial match times out when its time is up. `flink`: where Flink CEP 2.2 has a
   * timer for that, which it has not for a limit since the previous event, nor at time 0.
   */
  readonly timeouts?: 'when-due' | 'flink'
  /** For recordings from before 1970, of which Kafka knows nothing: they are moved by so much. */
  readonly '~flinkZeroMs'?: number
  /**
   * How many partial matches a key may have, 10,000 by default: each event is tried on all of them.
   * An event that makes it more fails, and changes nothing.
   */
  readonly partialMatchesMax?: number
  /**
   * The store has partial matches of a pattern that was changed since: `refuse`, the default, stops
   * the application; `start-over` forgets them.
   */
  readonly onEdit?: 'refuse' | 'start-over'
}

/**
 * The matches, each with the timestamp and the headers of the event that completed it; one that
 * time completed has the time. Outputs that nobody asks for cost nothing.
 */
export type Detected<K, E, Shape, S = NonNullable<K>> = Stream<K, MatchOf<Shape>, S> & {
  /** What partial matches had when their time was up, with that time as timestamp. */
  readonly timedOut: Stream<K, PartialOf<Shape>, S>
  /** Events that came too late to be put in order. */
  readonly late: Stream<K, E, S>
}

export function detectFlow<K, E, Shape, S>(
  flowTo: (name: string) => Flow,
  pattern: PatternOf<E, Shape>,
  options: DetectOptions<never>,
): Detected<K, E, Shape, S> {
  const automaton = compilePattern(pattern['~definition'])
  const { name } = automaton
  const { outOfOrderness, idleClose, timeouts = 'when-due', onEdit = 'refuse' } = options
  if (timeouts === 'flink' && outOfOrderness === undefined) {
    throw invalidTopology(
      `pattern "${name}" times out as in Flink, but takes events as they come`,
      "Say by how much events may be out of order: { outOfOrderness: '0ms', timeouts: 'flink' }.",
    )
  }
  const partialMatchesMax = countOf(options.partialMatchesMax ?? PARTIAL_MATCHES_MAX)
  const flow = flowTo(name)
  const { graph, words, key, value = json<unknown>() } = flow
  if (key === undefined) throw unknownKey(`detect "${name}"`)
  const states = keyValueStore(name, { key, value: keyStateSerde(automaton, value), cached: false })
  const { events } = states.value as KeyStateSerde
  const times = keyValueStore(`${name}-times`, {
    key: bytes,
    value: timeRowSerde(states.key, events),
    cached: false,
  })
  graph.addStore(states as KeyValueStoreSpec)
  // Its rows are read in the order of time, never by key.
  graph.addStore({ ...times, readCached: false } as KeyValueStoreSpec)
  const detection: Omit<Detection, 'outputs'> = {
    automaton,
    states: states.name,
    times: times.name,
    key: states.key,
    outOfOrdernessMs: outOfOrderness === undefined ? undefined : durationMs(outOfOrderness),
    idleCloseMs: idleClose === undefined ? undefined : positiveMs(idleClose),
    flinkTimersAfterMs: timeouts === 'flink' ? (options['~flinkZeroMs'] ?? 0) : undefined,
    partialMatchesMax,
    onEdit,
  }
  const draft: ProcessorDraft = addStep(flow, {
    operator: 'detect',
    name: `detect(${name})`,
    stores: [states.name, times.name],
    create: (context) => detect({ ...detection, outputs: draft.outputs })(context),
  })
  const output = (from: string | undefined, kept: Flow['value']): Flow => {
    if (from !== undefined && !draft.outputs.includes(from)) draft.outputs.push(from)
    return { ...flow, value: kept, from: { node: draft.name, output: from } }
  }
  const matches = words.stream<K, MatchOf<Shape>, S>(output(undefined, undefined))
  return Object.defineProperties(matches, {
    timedOut: { get: () => words.stream(output(timedOutOutput, undefined)) },
    late: { get: () => words.stream(output(lateOutput, flow.value)) },
  }) as Detected<K, E, Shape, S>
}

function countOf(partialMatchesMax: number): number {
  if (Number.isSafeInteger(partialMatchesMax) && partialMatchesMax > 0) return partialMatchesMax
  throw invalidTopology(
    `a key cannot have ${partialMatchesMax} partial matches of a pattern`,
    'Give partialMatchesMax a whole number from 1.',
  )
}
