/**
 * The payments of the orders case study on a real Kafka, by a process that is killed while it joins
 * them, charges them again and gives them up.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { deadLetterOf } from '../src/core/dead-letter.ts'
import { systemClock } from '../src/core/clock.ts'
import { startKafka } from '../src/dev/kafka.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import {
  alerts,
  commands,
  events,
  failed,
  paid,
  payments,
  recovered,
  refused,
  unmatched,
} from '../topologies/orders.ts'
import type { OrderCommand, Payment } from '../topologies/orders/model.ts'
import { connectTo, write } from './support/kafka-client.ts'
import { readAll } from './support/orders-account.ts'
import { createOrdersTopics, untilProcessed } from './support/orders-load.ts'
import { startWorker, type WorkerProcess } from './support/worker-process.ts'

const PARTITIONS = 4
const ORDERS = 1_600
const TOTAL = 650
const MINUTE_MS = 60_000

type Dated = readonly [key: string, value: string, timestampMs: number]

/** How an order is paid, and where that shows. */
interface Way {
  readonly payment: Partial<Payment>
  readonly ageMs?: number
  readonly isReportedTwice?: true
  readonly shows: readonly string[]
}

const recovers = ['PaymentFailed', 'alert', 'recovered', 'OrderPaid', 'paid']
const ways: readonly Way[] = [
  { payment: {}, shows: ['OrderPaid', 'paid'] },
  { payment: { status: 'failed', card: '4000-0000' }, shows: recovers },
  { payment: { status: 'failed', card: '4000-0002' }, shows: recovers },
  {
    payment: { status: 'failed', card: '4000-0009' },
    shows: ['PaymentFailed', 'alert', 'dead letter: attempt 3, Declined'],
  },
  {
    payment: { status: 'failed', card: '4000-expired' },
    shows: ['PaymentFailed', 'alert', 'dead letter: attempt 1, CardExpired'],
  },
  {
    payment: {},
    ageMs: 20 * MINUTE_MS,
    shows: ['OrderPaid', 'unmatched: no order within five minutes'],
  },
  {
    payment: { amount: TOTAL - 1 },
    shows: ['refused: wrong amount', 'unmatched: wrong amount'],
  },
  {
    payment: {},
    isReportedTwice: true,
    shows: ['OrderPaid', 'paid', 'refused: repeated command', 'unmatched: repeated'],
  },
]

const idOf = (index: number): string => `order-${index}`
const wayOf = (index: number): Way => ways[index % ways.length] as Way
const all = Array.from({ length: ORDERS }, (_, index) => index)

function placed(startMs: number): readonly Dated[] {
  return all.map((index) => {
    const command: OrderCommand = {
      type: 'PlaceOrder',
      commandId: `place-${index}`,
      customer: 'Ada',
      lines: [{ sku: 'tea', quantity: 1, price: TOTAL }],
    }
    return [idOf(index), JSON.stringify(command), startMs + index]
  })
}

function paymentsFor(startMs: number, from: number, to: number): readonly Dated[] {
  return all.slice(from, to).flatMap((index): readonly Dated[] => {
    const { payment, ageMs = 0, isReportedTwice } = wayOf(index)
    const made: Payment = {
      ...{ paymentId: `payment-${index}`, amount: TOTAL, status: 'succeeded' },
      card: '4000-0000',
      ...payment,
    }
    const record: Dated = [idOf(index), JSON.stringify(made), startMs + MINUTE_MS - ageMs + index]
    return isReportedTwice ? [record, record] : [record]
  })
}

/** What is committed of each order, in words. */
async function shown(port: KafkaPort): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>()
  const collect = async (
    topic: string,
    inWords: (value: never, letter: ReturnType<typeof deadLetterOf>) => string,
  ): Promise<void> => {
    for (const record of await readAll(port, topic)) {
      const key = Buffer.from(record.key ?? []).toString()
      const value = JSON.parse(Buffer.from(record.value ?? []).toString()) as never
      const words = inWords(value, deadLetterOf(record))
      if (words !== 'OrderPlaced' && !key.startsWith('closing')) {
        found.set(key, [...(found.get(key) ?? []), words])
      }
    }
  }
  await collect(events.name, ({ type }: { type: string }) => type)
  await collect(refused.name, ({ reason }: { reason: string }) => `refused: ${reason}`)
  await collect(recovered.name, () => 'recovered')
  await collect(paid.name, () => 'paid')
  await collect(unmatched.name, ({ why }: { why: string }) => `unmatched: ${why}`)
  await collect(alerts.name, () => 'alert')
  await collect(
    failed.name,
    (_, { attempts, exception }) => `dead letter: attempt ${attempts}, ${exception}`,
  )
  return new Map([...found].map(([order, words]) => [order, words.toSorted()]))
}

test('each payment comes to what it has to, once', { retry: 0 }, async () => {
  await using kafka = await startKafka({ own: true })
  await using port = await connectTo(kafka.brokers)
  await createOrdersTopics(port, PARTITIONS, 1)
  const directory = await mkdtemp(join(tmpdir(), 'millrace-payments-'))
  const start = (): WorkerProcess =>
    startWorker('topologies/orders.ts', {
      brokers: kafka.brokers.join(','),
      'state-dir': directory,
      'instance-id': 'one',
      'session-timeout': '6s',
      'commit-interval': '50ms',
      'checkpoint-interval': '300ms',
      'log-level': 'warn',
    })
  const startMs = systemClock.nowMs()
  await write(port, commands.name, placed(startMs))
  let worker = start()
  await untilProcessed(port, 'orders', PARTITIONS, 60_000)

  await write(port, payments.name, paymentsFor(startMs, 0, ORDERS / 2))
  // Some wait for their second or third attempt by then.
  await vi.waitUntil(async () => (await readAll(port, recovered.name)).length > ORDERS / 32, {
    timeout: 60_000,
    interval: 20,
  })
  await worker.kill()
  await write(port, payments.name, paymentsFor(startMs, ORDERS / 2, ORDERS))
  worker = start()
  await vi.waitUntil(async () => (await readAll(port, failed.name)).length > ORDERS / 8, {
    timeout: 60_000,
    interval: 20,
  })
  await worker.kill()
  worker = start()

  const expected = new Map(all.map((index) => [idOf(index), wayOf(index).shows.toSorted()]))
  const letters = all.filter((index) => wayOf(index).payment.card?.match(/9|expired/)).length
  await vi.waitUntil(async () => (await readAll(port, failed.name)).length >= letters, 60_000)
  // The last one may still wait for an attempt, which is no input that is behind.
  const recovering = all.filter((index) => wayOf(index).shows.includes('recovered')).length
  await vi.waitUntil(async () => (await readAll(port, recovered.name)).length >= recovering, 60_000)
  await untilProcessed(port, 'orders', PARTITIONS, 60_000)
  expect(await worker.stop(), worker.output()).toBe(0)
  expect(await shown(port)).toEqual(expected)
  await rm(directory, { recursive: true, force: true })
})
