import { describe, expect, test } from 'vitest'
import { newSchedule, type Scheduled } from './schedule.ts'

const SESSION_MS = 3_000
const scheduleOf = (seed: number): readonly Scheduled[] =>
  newSchedule({
    ...{ seed, lengthMs: 300_000, processes: 4, brokers: 3 },
    sessionTimeoutMs: SESSION_MS,
  })
const seeds = Array.from({ length: 50 }, (_, seed) => seed)

describe('a schedule of chaos', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(scheduleOf(7)).toEqual(scheduleOf(7))
    expect(scheduleOf(7)).not.toEqual(scheduleOf(8))
  })

  test('has everything in it, in order of time', () => {
    for (const seed of seeds) {
      const schedule = scheduleOf(seed)
      const types = new Set(schedule.map(({ type }) => type))
      expect(types.size).toBe(5)
      const times = schedule.map(({ atMs }) => atMs)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      expect(times.at(-1)).toBeLessThan(300_000)
    }
  })

  test('leaves a quorum of brokers and of processes', () => {
    for (const schedule of seeds.map(scheduleOf)) {
      for (const { atMs } of schedule) {
        const down = schedule.filter(
          (each) => 'forMs' in each && each.atMs <= atMs && atMs < each.atMs + each.forMs,
        )
        expect(down.filter(({ type }) => type.endsWith('broker')).length).toBeLessThanOrEqual(1)
        expect(down.filter(({ type }) => type.endsWith('process')).length).toBeLessThanOrEqual(2)
      }
    }
  })

  test('freezes for longer than a session', () => {
    for (const blow of seeds.flatMap(scheduleOf)) {
      if (blow.type === 'freeze process') expect(blow.forMs).toBeGreaterThan(SESSION_MS)
    }
  })
})
