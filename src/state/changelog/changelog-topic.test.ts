import { expect, test } from 'vitest'
import { json } from '../../serde/json.ts'
import { string } from '../../serde/string.ts'
import { timeWindowed } from '../../serde/windowed-key.ts'
import type { KeyValueStoreSpec, WindowStoreSpec } from '../store-spec.ts'
import { changelogConfigs, changelogTopic } from './changelog-topic.ts'

const orders = (configs: Record<string, string>): KeyValueStoreSpec => ({
  kind: 'key-value',
  name: 'orders',
  key: string as KeyValueStoreSpec['key'],
  value: json<unknown>(),
  backend: 'memory',
  logged: true,
  changelogConfigs: configs,
  cached: false,
})

test('a changelog is named after its application and its store', () => {
  expect(changelogTopic('shop', 'orders')).toBe('shop-orders-changelog')
})

test('a changelog is compacted and keeps the time of each update', () => {
  expect(changelogConfigs(orders({}))).toEqual({
    'cleanup.policy': 'compact',
    'message.timestamp.type': 'CreateTime',
  })
})

test("the store's own configuration goes over the defaults", () => {
  const own = { 'cleanup.policy': 'compact,delete', 'min.insync.replicas': '2' }
  expect(changelogConfigs(orders(own))).toEqual({
    'cleanup.policy': 'compact,delete',
    'message.timestamp.type': 'CreateTime',
    'min.insync.replicas': '2',
  })
})

test('a changelog that is not compacted is refused', () => {
  expect(() => changelogConfigs(orders({ 'cleanup.policy': 'delete' }))).toThrow(
    expect.objectContaining({ code: 'INVALID_TOPOLOGY' }),
  )
})

const perMinute = (retentionMs: number): WindowStoreSpec => ({
  ...orders({}),
  kind: 'window',
  key: timeWindowed(string, 60_000) as WindowStoreSpec['key'],
  innerKey: string as WindowStoreSpec['innerKey'],
  retentionMs,
  sizeMs: 60_000,
  groupMs: 60_000,
  duplicates: false,
})

test('a changelog of windows forgets them a day after their retention', () => {
  expect(changelogConfigs(perMinute(3_600_000))).toEqual({
    'cleanup.policy': 'compact,delete',
    'retention.ms': '90000000',
    'message.timestamp.type': 'CreateTime',
  })
})

test('a changelog of versions is not compacted before they are out of the history', () => {
  const versions = {
    ...orders({}),
    kind: 'versioned',
    historyMs: 3_600_000,
    cached: false,
  } as const
  expect(changelogConfigs(versions)).toEqual({
    'cleanup.policy': 'compact',
    'min.compaction.lag.ms': '90000000',
    'message.timestamp.type': 'CreateTime',
  })
})

test('a changelog of a window that never closes keeps it', () => {
  expect(changelogConfigs(perMinute(Number.MAX_SAFE_INTEGER))['cleanup.policy']).toBe('compact')
})
