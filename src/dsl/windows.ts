import { durationMs, type Duration } from '../core/duration.ts'
import type {
  EmitWhen,
  FixedWindows,
  SessionWindows,
  SlidingWindows,
} from '../operators/window/windows.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import type { SinkTopic } from '../topology/topic.ts'

/** Until when a window takes records, and when it says what came of them. */
export interface WindowOptions<in K = unknown, in V = unknown> {
  /**
   * How much later than the end of its window a record may come, in stream time; later ones are
   * left out and counted as dropped. No default: it decides which records count.
   */
  readonly grace: Duration
  /**
   * `updates`, the default, sends on each change of a result; `on-close` sends a result once, when
   * a record shows that its window has closed.
   */
  readonly emit?: EmitWhen
  /**
   * With `on-close`: the least wall-clock time between two looks for closed windows. By default
   * none for tumbling and hopping windows; for sliding and session windows, where a look reads what
   * is still open too, a second, and none in the test driver, as in Kafka Streams.
   */
  readonly emitInterval?: Duration
  /**
   * With `on-close`: how long no record may come, by the wall clock, until windows close by it too.
   * Stream time then goes on from the last record as the wall clock does; a record that comes later
   * may find its window closed. So what comes out depends on when records come. Off by default.
   */
  readonly idleClose?: Duration
  /**
   * Where a record goes that was too late for all its windows: a topic, or the dead letters of the
   * topology. `drop`, the default, counts it only, as is done in any case.
   */
  readonly late?: SinkTopic<K, V> | 'dead-letter' | 'drop'
}

/** Windows over a stream of these keys and values: only `late` cares which. */
interface Windowing<in K, in V, out W> {
  readonly windows: W
  readonly emit: EmitWhen
  readonly emitIntervalMs: number | undefined
  readonly idleCloseMs: number | undefined
  readonly late: SinkTopic<K, V> | 'dead-letter' | 'drop'
}

export type TimeWindows<K = unknown, V = unknown> = Windowing<K, V, FixedWindows | SlidingWindows>
export type SessionsOf<K = unknown, V = unknown> = Windowing<K, V, SessionWindows>

/** Windows of one length, one after the other, from the epoch on; the end is not in a window. */
export const tumbling = <K = unknown, V = unknown>(
  size: Duration,
  options: WindowOptions<K, V>,
): TimeWindows<K, V> => hopping(size, { ...options, advance: size })

/** Windows of one length that overlap: one begins with each `advance`. */
export function hopping<K = unknown, V = unknown>(
  size: Duration,
  options: WindowOptions<K, V> & { readonly advance: Duration },
): TimeWindows<K, V> {
  const sizeMs = positive('a window', size)
  const advanceMs = positive('an advance', options.advance)
  if (advanceMs > sizeMs) {
    throw invalidTopology(
      `windows of ${size} cannot advance by ${options.advance}`,
      'Advance by the size at most: records in between would belong to no window.',
    )
  }
  return windowing({ kind: 'fixed', sizeMs, advanceMs, graceMs: graceOf(options) }, options)
}

/**
 * Windows that begin or end with a record, so that there is one for each set of records which are
 * not further apart than `difference` (Kafka Streams' sliding windows). Both ends are in a window.
 */
export const sliding = <K = unknown, V = unknown>(
  difference: Duration,
  options: WindowOptions<K, V>,
): TimeWindows<K, V> =>
  windowing(
    { kind: 'sliding', differenceMs: durationMs(difference), graceMs: graceOf(options) },
    options,
  )

/** A window for each run of a key's records with no more than `gap` between one and the next. */
export const session = <K = unknown, V = unknown>(
  gap: Duration,
  options: WindowOptions<K, V>,
): SessionsOf<K, V> =>
  windowing({ kind: 'session', gapMs: positive('a gap', gap), graceMs: graceOf(options) }, options)

/** One window from the epoch on, which never closes. */
export const unlimited = (): TimeWindows =>
  windowing(
    {
      kind: 'fixed',
      sizeMs: Number.MAX_SAFE_INTEGER,
      advanceMs: Number.MAX_SAFE_INTEGER,
      graceMs: 0,
    },
    {},
  )

const windowing = <K, V, W>(
  windows: W,
  { emit = 'updates', emitInterval, idleClose, late = 'drop' }: Omit<WindowOptions<K, V>, 'grace'>,
): Windowing<K, V, W> =>
  Object.freeze({
    windows: Object.freeze(windows),
    emit,
    emitIntervalMs: emitInterval === undefined ? undefined : durationMs(emitInterval),
    idleCloseMs: idleClose === undefined ? undefined : idleCloseOf(idleClose, emit),
    late,
  })

function idleCloseOf(idleClose: Duration, emit: EmitWhen): number {
  const ms = positive('an idle close', idleClose)
  if (emit === 'on-close') return ms
  throw invalidTopology(
    'windows that send every update have an idleClose',
    "It is for results that wait for the end of their window: add emit: 'on-close'.",
  )
}

function graceOf({ grace }: { readonly grace: Duration }): number {
  if (grace !== undefined) return durationMs(grace)
  throw invalidTopology(
    'windows have no grace',
    "Say how late a record may come: { grace: '30s' }, or '0ms' for none.",
  )
}

function positive(what: string, duration: Duration): number {
  const ms = durationMs(duration)
  if (ms > 0) return ms
  throw invalidTopology(`${what} cannot last ${duration}`, "Give at least '1ms'.")
}
