/** Two streams joined on a real Kafka, by a process that is killed half way. */
import { afterAll, expect, inject, test, vi } from 'vitest'
import { readTopic } from '../src/admin/read-topic.ts'
import { systemClock } from '../src/core/clock.ts'
import { topicPartitionKey } from '../src/core/topic-partition.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project } from './support/millrace-command.ts'

const PARTITIONS = 4
const ORDERS = 10_000
const KEYS = 2_000
const STEP_MS = 100
const WITHIN_MS = 60_000
/** Not long ago: what is old, Kafka deletes at once. */
const START_MS = Math.floor(systemClock.nowMs() / 1_000) * 1_000 - 7_200_000

const brokers = inject('kafkaBrokers')
const name = uniqueName()
const [orders, payments, output] = [`${name}.orders`, `${name}.payments`, `${name}.output`]
const project = new Project({
  'shop.ts': `
    import { json, string, topic, topology } from 'millrace'
    const orders = topic('${orders}', { key: string, value: json<number>() })
    const payments = topic('${payments}', { key: string, value: json<number>() })
    const output = topic('${output}', { key: string, value: string })
    export default topology('${name}', (builder) => {
      builder
        .stream(orders)
        .leftJoin(builder.stream(payments), (order, payment) => order + ' ' + payment, {
          within: '1m', grace: '1h', emitInterval: '0ms', store: 'order-payment',
        })
        .to(output)
    })`,
})
afterAll(() => project[Symbol.dispose]())

type Dated = readonly [key: string, value: string, timestampMs: number]

const keyOf = (index: number): string => `key-${(index * 7_919) % KEYS}`

/** Payments come half a minute later, for two keys of three. */
const ordersOf = (from: number, to: number): readonly Dated[] =>
  range(from, to).map((index) => [keyOf(index), `${index}`, START_MS + index * STEP_MS])
const paymentsOf = (from: number, to: number): readonly Dated[] =>
  range(from, to)
    .filter((index) => ((index * 7_919) % KEYS) % 3 !== 0)
    .map((index) => [keyOf(index), `${index}`, START_MS + index * STEP_MS + WITHIN_MS / 2])

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from }, (_, index) => from + index)

function expectedPairs(): readonly string[] {
  const byKey = Map.groupBy(paymentsOf(0, ORDERS), ([key]) => key)
  return ordersOf(0, ORDERS)
    .flatMap(([key, order, orderMs]) => {
      const near = (byKey.get(key) ?? []).filter(
        ([, , paidMs]) => Math.abs(paidMs - orderMs) <= WITHIN_MS,
      )
      if (near.length === 0) return [`${key} ${order} null ${orderMs}`]
      return near.map(
        ([, payment, paidMs]) => `${key} ${order} ${payment} ${Math.max(orderMs, paidMs)}`,
      )
    })
    .toSorted()
}

async function seen(port: KafkaPort): Promise<readonly string[]> {
  const lines: string[] = []
  for await (const { key, value, timestampMs } of readTopic(port, systemClock, output, 'end')) {
    const line = `${Buffer.from(key ?? []).toString()} ${Buffer.from(value ?? []).toString()}`
    if (!line.startsWith('last')) lines.push(`${line} ${timestampMs}`)
  }
  return lines.toSorted()
}

/** How much of the input the group has not committed. */
async function lag(port: KafkaPort): Promise<number> {
  const inputs = [orders, payments].flatMap((topic) =>
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition })),
  )
  const ends = await port.listOffsets(inputs, 'latest', 'read_committed')
  const offsets = await port.offsetFetch(name, inputs, true)
  return offsets.reduce(
    (sum, { topic, partition, offset }) =>
      sum + (ends.get(topicPartitionKey(topic, partition)) ?? 0) - (offset ?? 0),
    0,
  )
}

async function untilLag(port: KafkaPort, atMost: number): Promise<void> {
  // A new broker needs a moment until it knows any group.
  const isThere = async (): Promise<boolean> => (await lag(port).catch(() => Infinity)) <= atMost
  await vi.waitUntil(isThere, { timeout: 90_000, interval: 20 })
}

const options = {
  brokers: brokers.join(','),
  'state-dir': 'state',
  'session-timeout': '6s',
  'commit-interval': '50ms',
  'checkpoint-interval': '100ms',
  'log-level': 'warn',
}
const start = () =>
  project.start([
    'run',
    'shop.ts',
    ...Object.entries(options).flatMap(([option, value]) => [`--${option}`, value]),
  ])

test('each pair and each order without one comes once', { retry: 0 }, async () => {
  await using port = await connectTo(brokers)
  await createTopics(port, [orders, payments, output], PARTITIONS)
  await write(port, payments, paymentsOf(0, ORDERS / 2))
  await write(port, orders, ordersOf(0, ORDERS / 2))
  await using first = start()
  await untilLag(port, ORDERS / 3)
  first.signal('SIGKILL')
  await first.finished
  await write(port, payments, paymentsOf(ORDERS / 2, ORDERS))
  await write(port, orders, ordersOf(ORDERS / 2, ORDERS))
  await using second = start()
  await untilLag(port, 0)
  // An order in every partition, so late that it closes what was open.
  const lastMs = START_MS + ORDERS * STEP_MS + 2 * 3_600_000
  await write(
    port,
    orders,
    range(0, 50).map((index) => [`last-${index}`, '0', lastMs]),
  )
  await untilLag(port, 0)
  second.signal('SIGTERM')
  expect(await second.finished).toMatchObject({ code: 0 })
  expect(await seen(port)).toEqual(expectedPairs())
})
