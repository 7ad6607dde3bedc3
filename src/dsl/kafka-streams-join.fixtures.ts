/** What Kafka Streams makes of a join of two streams, as a nested loop over all that was sent. */

export type Side = 'left' | 'right'

export interface Sent {
  readonly to: Side
  readonly key: string | null
  readonly value: string | null
  readonly timestampMs: number
  /** The wall clock is moved on by so much before. */
  readonly afterMs: number
}

export interface Rules {
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
  /** Between two looks for what waits in vain. */
  readonly emitIntervalMs: number
  readonly kept: Readonly<Record<Side, boolean>>
}

export type Joined = readonly [key: string | null, value: string, timestampMs: number]

interface Kept {
  readonly side: Side
  readonly key: string
  readonly value: string
  readonly timestampMs: number
  /** What came first, of equal times. */
  readonly number: number
}

export const pairOf = (left: string | null, right: string | null): string => `${left}+${right}`

const other = (side: Side): Side => (side === 'left' ? 'right' : 'left')

/** All results in their order. */
export function nestedLoop(records: readonly Sent[], rules: Rules): readonly Joined[] {
  const results: Joined[] = []
  const kept: Kept[] = []
  let waiting: Kept[] = []
  let nowMs = 0
  let nextLookMs = 0
  let streamMs = -1
  /** Where the last look ended, or what began to wait since and is older. */
  let sinceMs = Infinity
  const isOuter = rules.kept.left || rules.kept.right
  const latest = { left: -1, right: -1 }
  const retentionMs = rules.beforeMs + rules.afterMs + rules.graceMs
  const forthMs = { left: rules.afterMs, right: rules.beforeMs }
  const emit = (side: Side, key: string | null, mine: string, theirs: string | null, at: number) =>
    results.push([key, side === 'left' ? pairOf(mine, theirs) : pairOf(theirs, mine), at])

  const look = (): void => {
    nextLookMs = nowMs + rules.emitIntervalMs
    sinceMs = Infinity
    const open = new Set<Side>()
    const closed = new Set<Kept>()
    for (const each of waiting.toSorted(inOrder)) {
      sinceMs = each.timestampMs
      if (open.size === 2) break
      if (each.timestampMs + forthMs[each.side] + rules.graceMs >= streamMs) open.add(each.side)
      else {
        closed.add(each)
        emit(each.side, each.key, each.value, null, each.timestampMs)
      }
    }
    waiting = waiting.filter((each) => !closed.has(each))
  }

  for (const { to: side, key, value, timestampMs, afterMs } of records) {
    nowMs += afterMs
    streamMs = Math.max(streamMs, timestampMs)
    if (key === null && value !== null && rules.kept[side])
      emit(side, key, value, null, timestampMs)
    if (key === null || value === null) continue
    const reachMs = forthMs[side] + rules.graceMs
    const mayClose = sinceMs === Infinity ? reachMs > 0 : sinceMs + reachMs < streamMs
    if (isOuter && timestampMs === streamMs && mayClose && nowMs >= nextLookMs) look()
    const [firstMs, lastMs] = [timestampMs - forthMs[other(side)], timestampMs + forthMs[side]]
    const visibleMs = latest[other(side)] - retentionMs + 1
    const partners = kept
      .filter((each) => each.side !== side && each.key === key)
      .filter((each) => each.timestampMs >= Math.max(firstMs, visibleMs, 0))
      .filter((each) => each.timestampMs <= Math.max(0, lastMs))
      .toSorted(inOrder)
    for (const partner of partners) {
      emit(side, key, value, partner.value, Math.max(timestampMs, partner.timestampMs))
    }
    waiting = waiting.filter((each) => !partners.includes(each))
    const record = { side, key, value, timestampMs, number: kept.length }
    if (partners.length === 0 && rules.kept[side]) {
      if (Math.max(0, lastMs) < streamMs) emit(side, key, value, null, timestampMs)
      else {
        sinceMs = Math.min(sinceMs, timestampMs)
        waiting.push(record)
      }
    }
    latest[side] = Math.max(latest[side], timestampMs)
    kept.push(record)
  }
  return results
}

/** By time, right before left, by key, then as they came. */
const inOrder = (a: Kept, b: Kept): number =>
  a.timestampMs - b.timestampMs ||
  (a.side === b.side ? 0 : a.side === 'right' ? -1 : 1) ||
  (a.key === b.key ? 0 : a.key < b.key ? -1 : 1) ||
  a.number - b.number
