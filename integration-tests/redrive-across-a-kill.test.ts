/** Ten thousand dead letters, sent again by a process that is killed half way. */
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { readTopic } from '../src/admin/read-topic.ts'
import { systemClock } from '../src/core/clock.ts'
import { headerText, type RawRecord } from '../src/core/record.ts'
import { topicPartitionKey } from '../src/core/topic-partition.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project } from './support/millrace-command.ts'

const LETTERS = 10_000
const KEYS = 500
const PARTITIONS = 4

const brokers = inject('kafkaBrokers')
const name = uniqueName()
const [source, dead] = [`${name}.orders`, `${name}.dead-letters`]
const environment = { MILLRACE_BROKERS: brokers.join(',') }
const project = new Project({
  'orders.ts': `
    import { deadLetters, string, topic, topology } from 'millrace'
    const orders = topic('${source}', { key: string, value: string })
    export default topology('${name}', { deadLetters: deadLetters('${dead}') }, (builder) => {
      builder.stream(orders).forEach((order) => {
        throw new Error('a bug: ' + order)
      })
    })`,
})

async function recordsIn(port: KafkaPort, topic: string): Promise<readonly RawRecord[]> {
  const records: RawRecord[] = []
  for await (const record of readTopic(port, systemClock, topic, 'end')) {
    records.push({ ...record, key: copy(record.key), value: copy(record.value) })
  }
  return records
}

const copy = (bytes: Uint8Array | null): Uint8Array | null => bytes && new Uint8Array(bytes)

const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString()

async function endsOf(port: KafkaPort, topic: string): Promise<readonly number[]> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }))
  const ends = await port.listOffsets(partitions, 'latest', 'read_committed')
  return partitions.map(({ partition }) => ends.get(topicPartitionKey(topic, partition)) ?? 0)
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0)

/** What each partition holds, in order. */
const byPartition = (records: readonly RawRecord[]): readonly (readonly string[])[] =>
  Array.from({ length: PARTITIONS }, (_, partition) =>
    records
      .filter((record) => record.partition === partition)
      .map(({ key, value, timestampMs }) => `${text(key)} ${text(value)} ${timestampMs}`),
  )

beforeAll(async () => {
  await using port = await connectTo(brokers)
  await createTopics(port, [source, dead], PARTITIONS)
  const orders = Array.from({ length: LETTERS }, (_, nth) => nth)
  const records = orders.map((nth) => [`order-${nth % KEYS}`, `step ${nth}`] as const)
  await write(port, source, records)
  await using app = project.start(['run', 'orders.ts'], environment)
  await vi.waitUntil(async () => (await recordsIn(port, dead)).length === LETTERS, {
    timeout: 90_000,
    interval: 1_000,
  })
  app.signal('SIGTERM')
  await app.finished
})
afterAll(() => project[Symbol.dispose]())

test('each is there once, in order of its key, as it was', { retry: 0 }, async () => {
  await using port = await connectTo(brokers)
  const before = await endsOf(port, source)
  expect(sum(before)).toBe(LETTERS)
  {
    await using killed = project.start(
      ['dlq', 'redrive', 'orders.ts', '--rate', '2000'],
      environment,
    )
    // Killed at some point of some transaction: at the fourth, or a little later.
    await vi.waitUntil(async () => sum(await endsOf(port, source)) >= sum(before) + 4_000, {
      timeout: 60_000,
      interval: 20,
    })
    killed.signal('SIGKILL')
    expect((await killed.finished).code).toBeNull()
  }
  const resumed = await project.millrace(['dlq', 'redrive', 'orders.ts', '--json'], environment)
  expect(resumed).toMatchObject({ code: 0, stderr: '' })
  const summary = JSON.parse(resumed.stdout) as { readonly redriven: number }
  expect(summary.redriven).toBeGreaterThan(0)
  expect(summary.redriven).toBeLessThanOrEqual(LETTERS - 4_000)

  const records = await recordsIn(port, source)
  const original = records.filter(({ offset, partition }) => offset < before[partition]!)
  const sent = records.filter(({ offset, partition }) => offset >= before[partition]!)
  expect(sent).toHaveLength(LETTERS)
  // The same keys, values and timestamps, in the same order, in each partition.
  expect(byPartition(sent)).toEqual(byPartition(original))
  const attempts = sent.map(({ headers }) => headerText(headers, 'millrace.redrive.attempts'))
  expect(new Set(attempts)).toEqual(new Set(['1']))
  expect(sent.every(({ headers }) => headers.length === 1)).toBe(true)

  const rest = await project.millrace(['dlq', 'redrive', 'orders.ts', '--json'], environment)
  expect(JSON.parse(rest.stdout)).toMatchObject({ redriven: 0, earlier: 0 })
})
