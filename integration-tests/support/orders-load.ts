import { systemClock } from '../../src/core/clock.ts'
import { seededRandom } from '../../src/core/random.ts'
import { noHeaders } from '../../src/core/record.ts'
import { topicPartitionKey } from '../../src/core/topic-partition.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
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
} from '../../topologies/orders.ts'
import type { Payment } from '../../topologies/orders/model.ts'
import { asCommand } from '../../topologies/orders/settlement.ts'
import { orderWorkload } from '../../topologies/orders/workload.ts'
import { plainProducer } from './kafka-client.ts'

/** What a folder needs to hold to run the orders topology, beside `orders.ts`. */
export const ordersFiles = [
  ...['bank.ts', 'decider.ts', 'failed-payment.ts', 'model.ts', 'settlement.ts'],
]

export const ordersTopics = [
  ...[commands, payments, recovered, events, refused, paid, unmatched, alerts].map(
    ({ name }) => name,
  ),
  failed.name,
]

export async function createOrdersTopics(
  port: KafkaPort,
  partitions: number,
  replicationFactor: number,
): Promise<void> {
  await port.createTopics(
    ordersTopics.map((name) => ({ name, partitions, replicationFactor, configs: {} })),
  )
}

/**
 * Writes generated commands at a rate. Payments go in as commands too, so that the order of all
 * input of a key is fixed and a plain fold says exactly what must come out; for the same reason the
 * bank declines a payment that failed for good.
 */
export async function writeCommands(
  port: KafkaPort,
  options: { readonly records: number; readonly rate: number; readonly seed: number },
): Promise<void> {
  const producer = plainProducer(port, { lingerMs: 5 })
  await producer.init()
  const workload = orderWorkload(options.seed)
  const startedAtMs = systemClock.nowMs()
  for (let written = 0; written < options.records;) {
    const elapsedMs = systemClock.nowMs() - startedAtMs
    const due = Math.min(options.records, Math.ceil((elapsedMs * options.rate) / 1_000))
    for (; written < due; written += 1) {
      const { topic, key, value } = workload.next().value
      const command = topic === 'payments' ? paymentCommand(value) : value
      const bytes = Buffer.from(command)
      producer.send(commands.name, null, systemClock.nowMs(), Buffer.from(key), bytes, noHeaders)
    }
    await producer.drainTo(1024 * 1024)
    await systemClock.sleep(20)
  }
  await producer.flush()
  await producer.close()
}

function paymentCommand(value: string): string {
  let payment: Payment
  try {
    payment = JSON.parse(value) as Payment
  } catch {
    return value
  }
  const card = payment.status === 'failed' ? '4000-0009' : payment.card
  return JSON.stringify(asCommand({ ...payment, card }))
}

/** Resolves when the group has committed everything that is in the input topics. */
export async function untilProcessed(
  port: KafkaPort,
  applicationId: string,
  partitions: number,
  timeoutMs: number,
): Promise<void> {
  const inputs = [commands.name, payments.name].flatMap((topic) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  )
  const untilMs = systemClock.nowMs() + timeoutMs
  for (;;) {
    const ends = await port.listOffsets(inputs, 'latest', 'read_committed').catch(() => undefined)
    const offsets = await port.offsetFetch(applicationId, inputs, true).catch(() => undefined)
    const lag =
      ends === undefined || offsets === undefined
        ? Infinity
        : offsets.reduce(
            (sum, { topic, partition, offset }) =>
              sum + (ends.get(topicPartitionKey(topic, partition)) ?? 0) - (offset ?? 0),
            0,
          )
    if (lag <= 0) return
    if (systemClock.nowMs() > untilMs) throw new Error(`still ${lag} records behind`)
    await systemClock.sleep(100)
  }
}

/** Seeded pauses between one blow and the next, in milliseconds. */
export function* pauses(seed: number, leastMs: number, mostMs: number): Generator<number, never> {
  const random = seededRandom(seed)
  for (;;) yield leastMs + Math.floor(random() * (mostMs - leastMs))
}
