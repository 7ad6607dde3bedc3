/** What was measured at one time. */
export interface Sample {
  readonly atMs: number
  readonly value: number
}

/** What is watched, and how much of it may come to be while it is watched. */
export interface Bound {
  readonly what: string
  readonly unit: string
  /** Of the unit, from the end of the warm-up to the end of the run. */
  readonly growthMax: number
}

export interface Verdict extends Bound {
  /** How much of it there typically was. */
  readonly median: number
  readonly slopePerHour: number
  /** By the slope, over the time that was judged. */
  readonly growth: number
  readonly holds: boolean
}

/** Fewer say nothing about a slope. */
const SAMPLES_MIN = 8

/**
 * Whether it grows, by the slope of the samples after the warm-up. The slope is the median of the
 * slopes between any two (Theil and Sen): a garbage collection or a kill makes no difference to it.
 * Too few samples do not hold: nobody has looked.
 */
export function judge(bound: Bound, samples: readonly Sample[], warmUpMs: number): Verdict {
  const beganMs = samples[0]?.atMs ?? 0
  const judged = samples.filter(({ atMs }) => atMs >= beganMs + warmUpMs)
  const values = judged.map(({ value }) => value)
  const lengthMs = (judged.at(-1)?.atMs ?? 0) - (judged[0]?.atMs ?? 0)
  const slope = medianSlope(judged)
  const growth = slope * lengthMs
  return {
    ...bound,
    median: median(values),
    slopePerHour: slope * 3_600_000,
    growth,
    holds: judged.length >= SAMPLES_MIN && growth <= bound.growthMax,
  }
}

/** Of the unit a millisecond. */
function medianSlope(samples: readonly Sample[]): number {
  const slopes: number[] = []
  for (const [index, a] of samples.entries()) {
    for (const b of samples.slice(index + 1)) {
      if (b.atMs > a.atMs) slopes.push((b.value - a.value) / (b.atMs - a.atMs))
    }
  }
  return median(slopes)
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  if (sorted.length % 2 === 1) return sorted[middle] as number
  return ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** A table for a person. */
export function verdictLines(verdicts: readonly Verdict[]): readonly string[] {
  const rows = verdicts.map(({ what, unit, median, slopePerHour, growth, growthMax, holds }) => [
    what,
    `${rounded(median)} ${unit}`,
    `${rounded(slopePerHour)} an hour`,
    `${rounded(growth)} of ${rounded(growthMax)}`,
    holds ? 'holds' : 'GROWS',
  ])
  const head = ['', 'median', 'slope', 'growth of at most', '']
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)),
  )
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

const rounded = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(1)
