import { StreamsError } from './errors.ts'

/** A length of time as text with a unit, for example `'5m'` or `'100ms'`. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Milliseconds of a duration; throws `INVALID_CONFIG` for anything else. */
export function durationMs(duration: Duration): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration)
  if (match === null) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `"${String(duration)}" is not a duration`,
      hint: "Write a number and a unit: '100ms', '30s', '5m', '1h' or '7d'.",
    })
  }
  return Math.round(Number(match[1]) * unitMs[match[2] as keyof typeof unitMs])
}
