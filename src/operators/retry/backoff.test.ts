import { describe, expect, test } from 'vitest'
import { exponential, fixed } from './backoff.ts'

describe('a backoff', () => {
  test('grows up to its longest wait', () => {
    const { delayMs } = exponential('1s', '30s')
    expect([1, 2, 3, 4, 5, 6, 7].map((attempts) => delayMs(attempts, 0.9))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000,
    ])
    const slower = exponential('100ms', '1s', { factor: 1.5, jitter: 0.5 })
    expect([1, 2, 3].map((attempts) => slower.delayMs(attempts, 0.5))).toEqual([75, 113, 169])
    expect(fixed('5s').delayMs(9, 0)).toBe(5_000)
  })

  test('that makes no sense is refused', () => {
    expect(() => exponential('1m', '1s')).toThrow("exponential('1m', '1s'")
    expect(() => exponential('1s', '1m', { jitter: 2 })).toThrow('jitter: 2')
    expect(() => exponential('1s', '1m', { factor: 0 })).toThrow('factor: 0')
  })
})
