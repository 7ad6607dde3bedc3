/** Global tables on a real Kafka: what the test driver gives, across a kill. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Topic, Topology } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import { start } from '../src/app/start.ts'
import { systemClock } from '../src/core/clock.ts'
import { topicPartitionKey } from '../src/core/topic-partition.ts'
import { startKafka } from '../src/dev/kafka.ts'
import type { RunningKafka } from '../src/dev/running-kafka.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import ruleTopology, { alerts, payments, rules } from '../docs/guide/examples/payment-rules.ts'
import receiptTopology, { products, receipts, sales } from '../docs/guide/examples/receipts.ts'
import { connectTo, createTopics, write } from './support/kafka-client.ts'
import { readAll } from './support/orders-account.ts'
import { startWorker } from './support/worker-process.ts'

const PARTITIONS = 3

type Pair = readonly [key: string, value: string]
type AnyTopic = Topic<string, unknown>

/** What is written to the global topic, and then to the input. */
type Wave = readonly [globals: readonly Pair[], inputs: readonly Pair[]]

interface Scene {
  readonly module: string
  readonly topology: Topology
  readonly topics: {
    readonly global: AnyTopic
    readonly input: AnyTopic
    readonly output: AnyTopic
  }
  readonly globalPartitions: number
  readonly waves: readonly [Wave, Wave]
}

const rowsOf = (count: number, row: (index: number) => readonly [string, unknown]): Pair[] =>
  Array.from({ length: count }, (_, index) => {
    const [key, value] = row(index)
    return [key, JSON.stringify(value)] as const
  })

const PRODUCTS = 2_000
const catalogueOf = (count: number, cents: number): Pair[] =>
  rowsOf(count, (index) => [`product-${index}`, { name: `Product ${index}`, cents }])
const salesFrom = (first: number): Pair[] =>
  rowsOf(3_000, (index) => [
    `till-${index % 7}`,
    { product: `product-${((first + index) * 37) % PRODUCTS}`, quantity: first + index },
  ])
const joining: Scene = {
  module: 'docs/guide/examples/receipts.ts',
  topology: receiptTopology,
  topics: { global: products, input: sales, output: receipts } as never,
  globalPartitions: PARTITIONS,
  waves: [
    [catalogueOf(PRODUCTS, 100), salesFrom(1)],
    [catalogueOf(300, 250), salesFrom(3_001)],
  ],
}

const countries = ['GB', 'FR', 'IT', 'ES']
const rulesOf = (count: number, version: number): Pair[] =>
  rowsOf(count, (index) => {
    const [country, aboveCents] = [countries[index % countries.length], 100 * index * version]
    return [`rule-${index}`, { version, country, aboveCents, active: (index + version) % 3 > 0 }]
  })
const paymentsFrom = (first: number): Pair[] =>
  rowsOf(400, (index) => [
    `customer-${index % 11}`,
    {
      country: countries[(first + index) % countries.length],
      cents: ((first + index) * 97) % 5_000,
    },
  ])
const broadcasting: Scene = {
  module: 'docs/guide/examples/payment-rules.ts',
  topology: ruleTopology,
  topics: { global: rules, input: payments, output: alerts } as never,
  // Rules of several partitions come in any order, and so would the alerts of a payment.
  globalPartitions: 1,
  waves: [
    // A version that comes late changes nothing.
    [[...rulesOf(40, 2), ...rulesOf(40, 1)], paymentsFrom(1)],
    [rulesOf(20, 3), paymentsFrom(401)],
  ],
}

let kafka: RunningKafka
let stateDir = ''
beforeAll(async () => {
  kafka = await startKafka({ own: true })
  stateDir = await mkdtemp(join(tmpdir(), 'millrace-global-'))
})
afterAll(async () => {
  await kafka.stop()
  await rm(stateDir, { recursive: true, force: true })
})

/** Resolves when the group has committed all of its input. */
async function untilProcessed(port: KafkaPort, { topology, topics }: Scene): Promise<void> {
  const inputs = Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic: topics.input.name,
    partition,
  }))
  const untilMs = systemClock.nowMs() + 60_000
  for (;;) {
    const ends = await port.listOffsets(inputs, 'latest', 'read_committed')
    const offsets = await port.offsetFetch(topology.name, inputs, true).catch(() => [])
    const isDone = offsets.every(
      ({ topic, partition, offset }) => offset === ends.get(topicPartitionKey(topic, partition)),
    )
    if (isDone && offsets.length > 0) return
    if (systemClock.nowMs() > untilMs) throw new Error('the input is not processed')
    await systemClock.sleep(100)
  }
}

const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString()

/** The values of each key, in order. */
const byKey = (pairs: readonly Pair[]): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(
    [...Map.groupBy(pairs, ([key]) => key)].map(([key, each]) => [
      key,
      each.map(([, value]) => value),
    ]),
  )

/** How many records of global topics each thread had to read before it could work. */
const readAtStart = (log: string): readonly number[] =>
  log
    .split('\n')
    .filter((line) => line.includes('global stores are read'))
    .map((line) => (JSON.parse(line) as { readonly records: number }).records)

const twice = (count: number): readonly number[] => [count, count]
const patiently = { timeout: 30_000 }

async function fromTestDriver({ topology, topics, waves }: Scene) {
  await using driver = new TopologyTestDriver(topology)
  for (const [globals, inputs] of waves) {
    for (const [topic, rows] of [
      [topics.global, globals],
      [topics.input, inputs],
    ] as const) {
      const input = driver.input(topic)
      for (const [key, value] of rows) await input.sendBytes(Buffer.from(key), Buffer.from(value))
    }
  }
  return byKey(driver.output(topics.output).keyValues() as readonly Pair[])
}

async function fromKafka(port: KafkaPort, { topics }: Scene) {
  const written = await readAll(port, topics.output.name)
  return byKey(written.map(({ key, value }) => [text(key), text(value)]))
}

test.each([
  ['a join with a global table', joining],
  ['rules for every task', broadcasting],
])('%s: what the test driver gives, with a kill in the middle', { retry: 0 }, async (_, scene) => {
  const { module, topics } = scene
  const [[rows, inputs], [moreRows, moreInputs]] = scene.waves
  await using port = await connectTo(kafka.brokers)
  await createTopics(port, [topics.global.name], scene.globalPartitions)
  await createTopics(port, [topics.input.name, topics.output.name], PARTITIONS)
  const options = {
    brokers: kafka.brokers.join(','),
    threads: '2',
    'state-dir': stateDir,
    'session-timeout': '6s',
  }

  await write(port, topics.global.name, rows)
  await write(port, topics.input.name, inputs)
  await using before = startWorker(module, options)
  await untilProcessed(port, scene)
  await expect.poll(() => readAtStart(before.output()), patiently).toEqual(twice(rows.length))
  await before.kill()

  await write(port, topics.global.name, moreRows)
  await write(port, topics.input.name, moreInputs)
  await using after = startWorker(module, options)
  await untilProcessed(port, scene)
  // Only what is new since the copy on disk.
  await expect.poll(() => readAtStart(after.output()), patiently).toEqual(twice(moreRows.length))
  expect(await after.stop(), after.output()).toBe(0)

  const actual = await fromKafka(port, scene)
  expect(Object.values(actual).flat().length).toBeGreaterThan(500)
  expect(actual).toEqual(await fromTestDriver(scene))
})

test('a global store can be asked while the application runs, and follows its topic', async () => {
  await using port = await connectTo(kafka.brokers)
  await using app = await start(import.meta.resolve('../docs/guide/examples/receipts.ts'), {
    brokers: kafka.brokers,
    threads: 2,
    stateDir,
    log: { level: 'silent' },
  })
  const catalogue = app.store('catalogue')
  await expect
    .poll(() => catalogue.get('product-1').catch(() => 'not yet'), { timeout: 30_000 })
    .toEqual({ name: 'Product 1', cents: 250 })
  await write(port, products.name, [['product-1', JSON.stringify({ name: 'New', cents: 1 })]])
  await expect
    .poll(() => catalogue.get('product-1'), { timeout: 10_000 })
    .toEqual({ name: 'New', cents: 1 })
  expect(await catalogue.get('nothing')).toBeUndefined()
})
