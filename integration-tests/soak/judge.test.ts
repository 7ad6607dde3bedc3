import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/core/random.ts'
import { judge, verdictLines, type Bound, type Sample } from './judge.ts'

const MINUTE_MS = 60_000
const memory: Bound = { what: 'memory', unit: 'MiB', growthMax: 32 }

/** Half an hour, a sample every five seconds. */
function samplesOf(valueAt: (minute: number) => number): readonly Sample[] {
  return Array.from({ length: 360 }, (_, index) => ({
    atMs: 1_000_000 + index * 5_000,
    value: valueAt(index / 12),
  }))
}

const verdictOn = (valueAt: (minute: number) => number) =>
  judge(memory, samplesOf(valueAt), 5 * MINUTE_MS)

describe('a soak', () => {
  test('that warms up and then stays as it is holds', () => {
    const { holds, growth, median } = verdictOn((minute) => 200 * (1 - Math.exp(-minute)))
    expect(holds).toBe(true)
    expect(growth).toBeLessThan(1)
    expect(median).toBeCloseTo(200, 0)
  })

  test('that leaks two MiB a minute does not', () => {
    const { holds, growth, slopePerHour } = verdictOn((minute) => 200 + 2 * minute)
    expect(holds).toBe(false)
    expect(slopePerHour).toBeCloseTo(120)
    expect(growth).toBeCloseTo(50, 0)
  })

  test('that leaks does not, however much a garbage collector hides it', () => {
    const random = seededRandom(1)
    expect(verdictOn((minute) => 200 + 2 * minute + 90 * random()).holds).toBe(false)
    expect(verdictOn((minute) => 200 + 90 * random() * (minute > 0 ? 1 : 0)).holds).toBe(true)
  })

  test('that is high for a while, after a kill, holds', () => {
    const afterKills = (minute: number): number => (minute % 3 < 0.5 ? 50_000 : 100)
    expect(verdictOn(afterKills).holds).toBe(true)
  })

  test('that nobody has looked at does not hold', () => {
    expect(judge(memory, [], 0).holds).toBe(false)
    expect(judge(memory, samplesOf(() => 1).slice(0, 3), 0).holds).toBe(false)
  })

  test('says what grows', () => {
    const lines = verdictLines([verdictOn(() => 200), verdictOn((minute) => 200 + 2 * minute)])
    expect(lines).toEqual([
      '        median   slope        growth of at most',
      'memory  200 MiB  0.0 an hour  0.0 of 32.0        holds',
      'memory  235 MiB  120 an hour  49.8 of 32.0       GROWS',
    ])
  })
})
