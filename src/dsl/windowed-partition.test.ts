import { expect, test } from 'vitest'
import {
  json,
  session,
  sessionWindowed,
  string,
  topic,
  topology,
  tumbling,
  windowed,
} from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import { partitionForKey } from '../kafka/wire/murmur2.ts'

const PARTITIONS = 5
const clicks = topic('clicks', { key: string, value: string })
const perMinute = topic('per-minute', { key: windowed(string, '1m'), value: json<number>() })
const visits = topic('visits', { key: sessionWindowed(string), value: json<number | null>() })
const byName = topic('by-name', { key: windowed(string, '1m'), value: json<number>() })

const counting = topology('counting', (builder) => {
  const byKey = builder.stream(clicks).groupByKey()
  const counted = byKey
    .windowedBy(tumbling('1m', { grace: '0ms' }))
    .count({ store: 'per-minute' })
    .toStream()
  counted.to(perMinute)
  counted.to(byName, { partition: ({ window }) => (window.startMs / 60_000) % PARTITIONS })
  byKey
    .windowedBy(session('10s', { grace: '0ms' }))
    .count({ store: 'visits' })
    .toStream()
    .to(visits)
})

test('all windows and sessions of a key are in the partition of the key', async () => {
  await using driver = new TopologyTestDriver(counting, { partitions: PARTITIONS })
  const keys = Array.from({ length: 20 }, (_, index) => `user-${index}`)
  for (const timestampMs of [0, 60_000, 120_000]) {
    for (const key of keys) await driver.input(clicks).send(key, 'x', { timestampMs })
  }
  for (const output of [perMinute, visits] as const) {
    const records = driver.output(output as typeof perMinute).records()
    expect(records).toHaveLength(60)
    for (const { key, partition } of records) {
      const owner = string.serialize(key?.key ?? '')
      expect(partition).toBe(partitionForKey(owner, PARTITIONS))
    }
  }
})

test('unless a function of the topology says otherwise', async () => {
  await using driver = new TopologyTestDriver(counting, { partitions: PARTITIONS })
  await driver.input(clicks).send('ada', 'x', { timestampMs: 180_000 })
  expect(driver.output(byName).records()).toMatchObject([{ partition: 3 }])
})
