import { expect, test } from 'vitest'
import type { Duration } from '../core/duration.ts'
import { threadConfigs, type RunOptions } from './options.ts'

const MIB = 1024 * 1024

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

test('a loop may wait for five minutes, and never less than a session', () => {
  const waitOf = (options: RunOptions): number | undefined =>
    threadConfigs(options, 'orders', 'process')[0]?.maxPollIntervalMs
  expect(waitOf({})).toBe(300_000)
  expect(waitOf({ sessionTimeout: '10m' })).toBe(600_000)
  expect(waitOf({ maxPollInterval: '30s' })).toBe(30_000)
  expect(() => waitOf({ maxPollInterval: '5s' })).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIG' }),
  )
})

test('threads share the memory of their process', () => {
  const sharesOf = (threads: number) =>
    threadConfigs({ threads, cacheMaxBytes: 1_000 }, 'orders', 'process').map(
      ({ threadIndex, cacheMaxBytes, dirtyBytesMax, readCacheMaxBytes }) =>
        [threadIndex, cacheMaxBytes, dirtyBytesMax / MIB, readCacheMaxBytes / MIB] as const,
    )
  expect(sharesOf(1)).toEqual([[0, 1_000, 128, 64]])
  expect(sharesOf(2)).toEqual([
    [0, 500, 64, 32],
    [1, 500, 64, 32],
  ])
})
