/** Versioned tables on a real Kafka: what the test driver gives, across a kill and a lost disk. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test, vi } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import { systemClock } from '../src/core/clock.ts'
import { seededRandom } from '../src/core/random.ts'
import { topicPartitionKey } from '../src/core/topic-partition.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import { connectTo, createTopics, write } from './support/kafka-client.ts'
import { readAll } from './support/orders-account.ts'
import versioned, { events, results, type Event } from './support/versioned-topology.ts'
import { startWorker } from './support/worker-process.ts'

const PARTITIONS = 3
const MODULE = 'integration-tests/support/versioned-topology.ts'
/** Not long ago: of what is old, Kafka compacts earlier versions away at once. */
const START_MS = Math.floor(systemClock.nowMs() / 1_000) * 1_000 - 7_200_000

type Row = readonly [key: string, event: Event, timestampMs: number]

/** Some late, some too late, some of equal times. */
const random = seededRandom(5)
const below = (limit: number): number => Math.floor(random() * limit)
const rows = Array.from({ length: 3_000 }, (_, index): Row => {
  const type = below(2) === 0 ? 'price' : 'order'
  const amount = type === 'price' && below(4) === 0 ? null : below(1_000)
  const agoMs = below(10) === 0 ? below(90_000) : below(25_000)
  return [
    `key-${below(20)}`,
    { type, amount },
    START_MS + index * 500 - (agoMs - (agoMs % 1_000)) + 100_000,
  ]
})

/** What came of each key, in order. */
type Outcome = Readonly<Record<string, readonly string[]>>

const byKey = (lines: readonly (readonly [key: string, line: string])[]): Outcome =>
  Object.fromEntries(
    [...Map.groupBy(lines, ([key]) => key)].map(([key, each]) => [
      key,
      each.map(([, line]) => line),
    ]),
  )

async function fromTestDriver(): Promise<Outcome> {
  await using driver = new TopologyTestDriver(versioned, { partitions: PARTITIONS })
  for (const [key, event, timestampMs] of rows) {
    await driver.input(events).send(key, event, { timestampMs })
  }
  const records = driver.output(results).records()
  return byKey(
    records.map(({ key, value, timestampMs }) => [key, `${JSON.stringify(value)}@${timestampMs}`]),
  )
}

async function fromKafka(port: KafkaPort): Promise<Outcome> {
  const records = await readAll(port, results.name)
  return byKey(
    records.map(({ key, value, timestampMs }) => [
      Buffer.from(key ?? []).toString(),
      `${value === null ? 'null' : Buffer.from(value).toString()}@${timestampMs}`,
    ]),
  )
}

async function untilLag(port: KafkaPort, atMost: number): Promise<void> {
  const inputs = Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic: events.name,
    partition,
  }))
  const lag = async (): Promise<number> => {
    const ends = await port.listOffsets(inputs, 'latest', 'read_committed')
    const offsets = await port.offsetFetch(versioned.name, inputs, true)
    return offsets.reduce(
      (sum, { topic, partition, offset }) =>
        sum + (ends.get(topicPartitionKey(topic, partition)) ?? 0) - (offset ?? 0),
      0,
    )
  }
  // A new broker needs a moment until it knows any group.
  const isThere = async (): Promise<boolean> => (await lag().catch(() => Infinity)) <= atMost
  await vi.waitUntil(isThere, { timeout: 90_000, interval: 20 })
}

const written = (some: readonly Row[]) =>
  some.map(([key, event, timestampMs]) => [key, JSON.stringify(event), timestampMs] as const)

test('versions and waiting records are what the test driver has', { retry: 0 }, async () => {
  const brokers = inject('kafkaBrokers')
  await using port = await connectTo(brokers)
  const directories = await Promise.all(
    [1, 2].map(() => mkdtemp(join(tmpdir(), 'millrace-versioned-'))),
  )
  const optionsOn = (directory: string) => ({
    brokers: brokers.join(','),
    'state-dir': directory,
    'session-timeout': '6s',
    'commit-interval': '50ms',
    'checkpoint-interval': '100ms',
  })
  const [disk, otherDisk] = directories as [string, string]
  await createTopics(port, [events.name, results.name], PARTITIONS)
  await write(port, events.name, written(rows.slice(0, 1_500)))
  await using first = startWorker(MODULE, optionsOn(disk))
  await untilLag(port, 1_000)
  await first.kill()
  await using second = startWorker(MODULE, optionsOn(disk))
  await untilLag(port, 0)
  await second.kill()
  await write(port, events.name, written(rows.slice(1_500)))
  await using third = startWorker(MODULE, optionsOn(otherDisk))
  await untilLag(port, 0)
  expect(await third.stop(), third.output()).toBe(0)
  const expected = await fromTestDriver()
  expect(await fromKafka(port)).toEqual(expected)
  expect(Object.values(expected).flat().length).toBeGreaterThan(3_000)
  for (const each of directories) await rm(each, { recursive: true, force: true })
})
