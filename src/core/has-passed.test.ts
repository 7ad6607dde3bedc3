import { expect, test } from 'vitest'
import { hasPassed } from './has-passed.ts'

test('a time has passed when it is over, and when the clock was set back since', () => {
  expect(hasPassed(100, 1_000, 1_099)).toBe(false)
  expect(hasPassed(100, 1_000, 1_100)).toBe(true)
  expect(hasPassed(100, 1_000, 999)).toBe(true)
  expect(hasPassed(0, 1_000, 1_000)).toBe(true)
  expect(hasPassed(100, -Infinity, 0)).toBe(true)
})
