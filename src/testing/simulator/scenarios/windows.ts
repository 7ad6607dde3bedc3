import { json, string, topic, topology, tumbling } from 'millrace'
import type { Random } from '../../../core/random.ts'
import {
  FIRST_MS,
  coalescedDifferences,
  differences,
  grouped,
  keyOf,
  partitionOf,
  PARTITIONS,
  seenIn,
  missing,
  type InputRecord,
  type Sequences,
  type ScenarioMaker,
} from '../scenario.ts'

const readings = topic('readings', { key: string, value: json<number>() })
const perWindow = topic('per-window', { key: string, value: json<number>() })

const SIZE_MS = 100
const GRACE_MS = 60

const windowed = (emit: 'updates' | 'on-close') =>
  topology('windowing', (builder) => {
    builder
      .stream(readings)
      .groupByKey()
      .windowedBy(tumbling(`${SIZE_MS}ms`, { grace: `${GRACE_MS}ms`, emit }))
      // Long enough that a window is still there when a jump of time closes it.
      .count({ store: 'windows', retention: '1h' })
      .toStream()
      .map((count, { key: { key, window } }) => [`${key}@${window.startMs}`, count])
      .to(perWindow)
  })
const emitting = { updates: windowed('updates'), 'on-close': windowed('on-close') }

/** Ten milliseconds on with each; some late, and of those some too late. */
const inputOfWindows = (random: Random, size: number): readonly InputRecord[] =>
  Array.from({ length: size }, (_, index) => ({
    topic: 'readings',
    key: keyOf(random),
    value: String(index),
    timestampMs: FIRST_MS + index * 10 - (random() < 0.15 ? Math.floor(random() * 300) : 0),
  }))

/** The rules of a window, for one partition, in memory. */
function* windowsOf(
  records: readonly InputRecord[],
  emit: 'updates' | 'on-close',
): Iterable<readonly [string, string]> {
  const open = new Map<string, { count: number; endMs: number }>()
  let streamMs = -Infinity
  for (const { key, timestampMs } of records) {
    streamMs = Math.max(streamMs, timestampMs)
    const startMs = timestampMs - (timestampMs % SIZE_MS)
    if (startMs + SIZE_MS > streamMs - GRACE_MS) {
      const name = `${key}@${startMs}`
      const window = open.get(name) ?? { count: 0, endMs: startMs + SIZE_MS }
      window.count += 1
      open.set(name, window)
      if (emit === 'updates') yield [name, String(window.count)]
    }
    if (emit === 'updates') continue
    for (const [name, { count, endMs }] of open) {
      if (endMs > streamMs - GRACE_MS) continue
      open.delete(name)
      yield [name, String(count)]
    }
  }
}

export const windows: ScenarioMaker = (random, size) => {
  const emit = random() < 0.5 ? 'updates' : 'on-close'
  const records = inputOfWindows(random, size)
  const expected: Sequences = grouped(
    Array.from({ length: PARTITIONS }, (_, partition) => [
      ...windowsOf(
        records.filter(({ key }) => partitionOf(key) === partition),
        emit,
      ),
    ]).flat(),
  )
  return {
    topology: emitting[emit],
    topics: ['readings', 'per-window'],
    inputs: ['readings'],
    records,
    problems: (committed, { guarantee, isCached }) => {
      const seen = seenIn(committed, 'per-window')
      if (guarantee === 'at-least-once') return missing('windows', seen, expected)
      const mayCoalesce = isCached && emit === 'updates'
      return (mayCoalesce ? coalescedDifferences : differences)('windows', seen, expected)
    },
  }
}
