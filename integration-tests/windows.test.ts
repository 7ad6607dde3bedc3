/** Windows on a real Kafka: what the test driver gives, across a kill, and closed by the clock. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import { systemClock } from '../src/core/clock.ts'
import { topicPartitionKey } from '../src/core/topic-partition.ts'
import { startKafka } from '../src/dev/kafka.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import { connectTo, createTopics, write } from './support/kafka-client.ts'
import { readAll } from './support/orders-account.ts'
import windows, { late, outputs, readings, type Reading } from './support/windows-topology.ts'
import { startWorker } from './support/worker-process.ts'

const PARTITIONS = 3
const MODULE = 'integration-tests/support/windows-topology.ts'
const HOUR_MS = 3_600_000
/** Not long ago: what is older than a week is deleted by Kafka. Windows begin with it. */
const START_MS = Math.floor(systemClock.nowMs() / HOUR_MS - 1) * HOUR_MS

type Row = readonly [key: string, reading: Reading]

/** Most come in the order of their times, some a little late, some much too late. */
const rowsFrom = (first: number, count: number): readonly Row[] =>
  Array.from({ length: count }, (_, i) => {
    const index = first + i
    const behindMs = index % 17 === 0 ? 9_000 : (index * 7_919) % 900
    return [
      `meter-${(index * 31) % 13}`,
      { atMs: START_MS + index * 40 - behindMs, amount: (index % 9) + 1 },
    ] as const
  })

const first = rowsFrom(300, 1_500)
const second = rowsFrom(1_800, 1_500)

const topics = [...Object.values(outputs), late]

/** What came of each key and window, in order, by topic. */
type Outcome = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

const byKey = (pairs: readonly (readonly [key: string, result: string])[]) =>
  Object.fromEntries(
    [...Map.groupBy(pairs, ([key]) => key)]
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, each]) => [key, each.map(([, result]) => result)]),
  )

async function fromTestDriver(): Promise<Outcome> {
  await using driver = new TopologyTestDriver(windows, { partitions: PARTITIONS })
  for (const [key, reading] of [...first, ...second]) {
    await driver.input(readings).send(key, reading)
  }
  await driver.advanceTime('1m')
  return Object.fromEntries(
    topics.map((topic) => [
      topic.name,
      byKey(
        driver
          .output(topic as typeof late)
          .records()
          .map(({ key, value, timestampMs }) => [
            JSON.stringify(key),
            `${JSON.stringify(value)} at ${timestampMs}`,
          ]),
      ),
    ]),
  )
}

async function fromKafka(port: KafkaPort): Promise<Outcome> {
  const outcome: Record<string, Outcome[string]> = {}
  for (const topic of topics) {
    const records = await readAll(port, topic.name)
    outcome[topic.name] = byKey(
      records.map(({ key, value, timestampMs }) => [
        JSON.stringify(topic.key.deserialize(key ?? new Uint8Array())),
        `${value === null ? 'null' : Buffer.from(value).toString()} at ${timestampMs}`,
      ]),
    )
  }
  return outcome
}

async function untilProcessed(port: KafkaPort): Promise<void> {
  const inputs = Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic: readings.name,
    partition,
  }))
  const isDone = async (): Promise<boolean> => {
    const ends = await port.listOffsets(inputs, 'latest', 'read_committed')
    const offsets = await port.offsetFetch(windows.name, inputs, true).catch(() => [])
    return (
      offsets.length > 0 &&
      offsets.every(
        ({ topic, partition, offset }) => offset === ends.get(topicPartitionKey(topic, partition)),
      )
    )
  }
  const untilMs = systemClock.nowMs() + 60_000
  while (!(await isDone())) {
    if (systemClock.nowMs() > untilMs) throw new Error('the input is not processed')
    await systemClock.sleep(100)
  }
}

const written = (rows: readonly Row[]) =>
  rows.map(([key, reading]) => [key, JSON.stringify(reading)] as const)

test('windows are what the test driver makes of them', { retry: 0 }, async () => {
  await using kafka = await startKafka({ own: true })
  await using port = await connectTo(kafka.brokers)
  const stateDir = await mkdtemp(join(tmpdir(), 'millrace-windows-'))
  const options = {
    brokers: kafka.brokers.join(','),
    threads: '2',
    'state-dir': stateDir,
    'session-timeout': '6s',
    'cache-max-bytes': '0',
    'checkpoint-interval': '200ms',
  }
  const expected = await fromTestDriver()
  await createTopics(port, [readings.name, ...topics.map(({ name }) => name)], PARTITIONS)

  await write(port, readings.name, written(first))
  await using before = startWorker(MODULE, options)
  await untilProcessed(port)
  await before.kill()
  await write(port, readings.name, written(second))
  await using after = startWorker(MODULE, options)
  await untilProcessed(port)

  const closed = async (): Promise<number> => {
    const found = (await fromKafka(port))[outputs.tumbling.name] ?? {}
    return Object.values(found).flat().length
  }
  // The last windows have no record after them: the wall clock closes them.
  const all = Object.values(expected[outputs.tumbling.name] ?? {}).flat().length
  expect(await closed()).toBeLessThan(all)
  await expect.poll(closed, { timeout: 30_000, interval: 500 }).toBe(all)
  expect(await after.stop(), after.output()).toBe(0)
  expect(await fromKafka(port)).toEqual(expected)
  expect(Object.values(expected[late.name] ?? {}).flat().length).toBeGreaterThan(50)
  await rm(stateDir, { recursive: true, force: true })
})
