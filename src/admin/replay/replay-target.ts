import type { Clock } from '../../core/clock.ts'
import { durationMs, type Duration } from '../../core/duration.ts'
import { StreamsError } from '../../core/errors.ts'
import type { Offset } from '../../core/record.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import { listOffsetsRetrying } from '../../kafka/client/offsets.ts'
import type { KafkaPort } from '../../kafka/port.ts'

/**
 * Where input is read from again: from its beginning, its end, an offset, the first record of a
 * time on (ISO 8601 with its zone) or of so long ago on, or so many records before (below 0) or
 * behind the committed offset.
 */
export type ReplayTo =
  | 'earliest'
  | 'latest'
  | { readonly offset: Offset }
  | { readonly datetime: string }
  | { readonly by: Duration }
  | { readonly shift: number }

const LOOKUP = { timeoutMs: 60_000 }

export interface Target {
  readonly offset: Offset
  /** It lay outside of the partition, and was moved to its nearest end. */
  readonly isClamped: boolean
}

/** An input partition and what is committed for it; null: nothing is. */
export interface CommittedInput extends TopicPartition {
  readonly from: Offset | null
}

/** The target of each partition, by {@link topicPartitionKey}. */
export async function findTargets(
  deps: { readonly port: KafkaPort; readonly clock: Clock },
  to: ReplayTo,
  inputs: readonly CommittedInput[],
): Promise<ReadonlyMap<string, Target>> {
  const { port, clock } = deps
  const wantedMs = timeOf(to, clock)
  const lookUp = (at: 'earliest' | 'latest' | number) =>
    listOffsetsRetrying(port, clock, inputs, at, 'read_committed', LOOKUP)
  const [starts, ends, atTime] = await Promise.all([
    lookUp('earliest'),
    // Up to the first open transaction: what is in it may be committed and would be passed over.
    lookUp('latest'),
    wantedMs === undefined ? undefined : lookUp(wantedMs),
  ])
  return new Map(
    inputs.map((input) => {
      const key = topicPartitionKey(input.topic, input.partition)
      const [start, end] = [starts.get(key) ?? 0, ends.get(key) ?? 0]
      const wanted = atTime === undefined ? wantedOffset(to, input, start, end) : atTime.get(key)
      const offset = Math.max(start, Math.min(wanted ?? end, end))
      return [key, { offset, isClamped: offset !== (wanted ?? end) }]
    }),
  )
}

/** Undefined where it is not a time that is asked for. */
function timeOf(to: ReplayTo, clock: Clock): number | undefined {
  if (typeof to === 'string') return undefined
  if ('by' in to) return clock.nowMs() - durationMs(to.by)
  return 'datetime' in to ? timeFrom(to.datetime) : undefined
}

/** Throws `INVALID_CONFIG` for a time without its zone: it would be another one elsewhere. */
export function timeFrom(text: string): number {
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/
  const timeMs = form.test(text) ? Date.parse(text) : NaN
  if (!Number.isNaN(timeMs)) return timeMs
  throw new StreamsError('INVALID_CONFIG', {
    message: `"${text}" is not a time with its zone`,
    hint: 'Write it like 2026-08-01T09:30:00Z or 2026-08-01T11:30+02:00.',
  })
}

function wantedOffset(
  to: ReplayTo,
  { topic, partition, from }: CommittedInput,
  start: Offset,
  end: Offset,
): Offset {
  if (to === 'earliest') return start
  if (to === 'latest') return end
  if ('offset' in to) return to.offset
  if ('shift' in to) {
    if (from !== null) return from + to.shift
    throw new StreamsError('INVALID_CONFIG', {
      message: `${topic}-${partition} has no committed offset to shift from`,
      hint: 'Say where to begin instead: to the earliest, the latest, an offset or a time.',
    })
  }
  return end
}
