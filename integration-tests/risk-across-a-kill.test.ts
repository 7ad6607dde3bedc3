/** The risk case study on a real Kafka, by a process that is killed again and again. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test, vi } from 'vitest'
import { systemClock } from '../src/core/clock.ts'
import { topicPartitionKey } from '../src/core/topic-partition.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import { alerts, assessed, failed, tooFast, transactions } from '../topologies/risk.ts'
import type { Alert, Assessed, Transaction } from '../topologies/risk/model.ts'
import { PlainRisk } from '../topologies/risk/plainly.ts'
import { riskWorkload } from '../topologies/risk/workload.ts'
import { connectTo, createTopics, write } from './support/kafka-client.ts'
import { readAll } from './support/orders-account.ts'
import { startWorker, type WorkerProcess } from './support/worker-process.ts'

const PARTITIONS = 4
const RECORDS = 9_000
const MINUTE_MS = 60_000
/** Not long ago: what is older than a week is deleted by Kafka. */
const START_MS = systemClock.nowMs() - 90 * MINUTE_MS

const brokers = inject('kafkaBrokers')

type Dated = readonly [key: string, value: string, timestampMs: number]

const generated = riskWorkload(7)
/** Three floods of input, half an hour apart: two records a millisecond in each. */
const floods: readonly (readonly Dated[])[] = [0, 1, 2].map((flood) =>
  Array.from({ length: RECORDS / 3 }, (_, index) => {
    const { key, value } = generated.next().value
    return [key, value, START_MS + flood * 30 * MINUTE_MS + Math.floor(index / 2)] as const
  }),
)

/** How much of the input, and of what is to be told, is not committed. */
async function lag(port: KafkaPort): Promise<number> {
  const inputs = [transactions.name, 'risk-told-per-hour-repartition'].flatMap((topic) =>
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition })),
  )
  const ends = await port.listOffsets(inputs, 'latest', 'read_committed')
  const offsets = await port.offsetFetch('risk', inputs, true)
  return offsets.reduce(
    (sum, { topic, partition, offset }) =>
      sum + (ends.get(topicPartitionKey(topic, partition)) ?? 0) - (offset ?? 0),
    0,
  )
}

const until = (holds: () => Promise<boolean>): Promise<unknown> =>
  vi.waitUntil(() => holds().catch(() => false), { timeout: 60_000, interval: 50 })

async function valuesOf(port: KafkaPort, topic: string): Promise<readonly unknown[]> {
  const records = await readAll(port, topic)
  return records.map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as unknown)
}

const inOrder = (values: readonly unknown[]): readonly string[] =>
  values.map((value) => JSON.stringify(value)).toSorted()

test('each transaction is assessed once, and each alert is given once', { retry: 0 }, async () => {
  await using port = await connectTo(brokers)
  const topics = [transactions, assessed, tooFast, alerts].map(({ name }) => name)
  await createTopics(port, [...topics, failed.name], PARTITIONS)
  const directory = await mkdtemp(join(tmpdir(), 'millrace-risk-'))
  const start = (): WorkerProcess =>
    startWorker('topologies/risk.ts', {
      brokers: brokers.join(','),
      'state-dir': directory,
      'instance-id': 'one',
      'session-timeout': '6s',
      'commit-interval': '50ms',
      'checkpoint-interval': '300ms',
      'log-level': 'warn',
    })
  let worker = start()
  for (const [nth, flood] of floods.entries()) {
    await write(port, transactions.name, flood)
    // In the middle of it: something has come out, and much has not.
    await until(async () => (await lag(port)) < (RECORDS / 3) * 0.7).catch((error: unknown) => {
      throw new Error(worker.output(), { cause: error })
    })
    await worker.kill()
    worker = start()
    await until(async () => (await lag(port)) === 0)
    // A batch that is not full waits by the clock on the wall.
    await until(async () => (await outCount(port)) >= ((nth + 1) * RECORDS) / 3)
  }
  await until(async () => (await lag(port)) === 0)
  expect(await worker.stop(), worker.output()).toBe(0)

  const set = (await valuesOf(port, tooFast.name)) as readonly Transaction[]
  const letters = await readAll(port, failed.name)
  const dead = new Set(letters.map(({ value }) => Buffer.from(value ?? []).toString()))
  const isSet = new Set(set.map(({ transactionId }) => transactionId))
  const plain = new PlainRisk()
  const expected = floods.flat().flatMap(([user, text, atMs]) => {
    if (dead.has(text)) return []
    const transaction = JSON.parse(text) as Transaction
    return isSet.has(transaction.transactionId) ? [] : [plain.accept(user, transaction, atMs)]
  })
  const found = (await valuesOf(port, assessed.name)) as readonly Assessed[]
  expect(inOrder(found)).toEqual(inOrder(expected.map((each) => each.assessed)))
  const told = (await valuesOf(port, alerts.name)) as readonly Alert[]
  expect(inOrder(told)).toEqual(inOrder(expected.flatMap((each) => each.alerts)))
  expect(found.length + isSet.size + letters.length).toBe(RECORDS)
  expect([set.length, told.length > 20, letters.length > 20]).toEqual([isSet.size, true, true])
  await rm(directory, { recursive: true, force: true })
})

async function outCount(port: KafkaPort): Promise<number> {
  const all = await Promise.all(
    [assessed.name, tooFast.name, failed.name].map((topic) => readAll(port, topic)),
  )
  return all.flat().length
}
