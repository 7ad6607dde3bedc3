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

/** As somebody may give them who does not compile. */
const bad: readonly (readonly [what: string, options: object])[] = [
  ['no threads', { threads: 0 }],
  ['half a thread', { threads: 1.5 }],
  ['threads as a text', { threads: '2' }],
  ['too many threads', { threads: 1_000 }],
  ['a guarantee that there is not', { guarantee: 'exactly_once_v2' }],
  ['a codec that there is not', { compression: 'brotli' }],
  ['an application without a name', { applicationId: '' }],
  ['a name that Kafka does not take', { applicationId: 'orders/eu' }],
  ['a cache of less than nothing', { cacheMaxBytes: -1 }],
  ['a cache of no size', { cacheMaxBytes: 'large' }],
  ['no replicas', { replicationFactor: 0 }],
  ['a part of a replica', { replicationFactor: 1.5 }],
  ['a part of a standby', { standbys: 0.5 }],
  ['no warm-ups', { maxWarmups: 0 }],
  ['a negative lag', { acceptableLag: -1 }],
  ['a commit interval without a unit', { commitInterval: 100 }],
  ['a checkpoint interval that is none', { checkpointInterval: 'often' }],
  ['a session without an end', { sessionTimeout: 'Infinity' }],
  ['a longest poll shorter than a session', { maxPollInterval: '1s' }],
  ['a transaction too short for two commits', { commitInterval: '6s' }],
  ['a linger of less than nothing', { linger: '-5ms' }],
]

test.each(bad)('%s is refused, with what to give', (_, options) => {
  expect(() => threadConfigs(options as RunOptions, 'orders', 'process')).toThrow(
    expect.objectContaining({
      code: 'INVALID_CONFIG',
      hint: expect.stringMatching(/^(?:Choose|Write|Use|Give) .*[.?]$/) as string,
    }),
  )
})
