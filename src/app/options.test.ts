import { expect, test } from 'vitest'
import type { Duration } from '../core/duration.ts'
import { threadConfigs } from './options.ts'

const idleMsOf = (maxTaskIdle?: Duration | false): number | undefined => {
  const options = maxTaskIdle === undefined ? {} : { maxTaskIdle }
  return threadConfigs(options, 'orders', 'process')[0]?.maxTaskIdleMs
}

test('an empty input is waited for as long as asked, by default not at all', () => {
  expect(idleMsOf()).toBe(0)
  expect(idleMsOf('2s')).toBe(2_000)
  expect(idleMsOf(false)).toBe(-1)
  expect(() => idleMsOf('-1s')).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }))
})
