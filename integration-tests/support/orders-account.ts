import { isDeepStrictEqual } from 'node:util'
import { readTopic } from '../../src/admin/read-topic.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { RawRecord } from '../../src/core/record.ts'
import { noHeaders } from '../../src/core/record.ts'
import { isRejected } from '../../src/operators/decide.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { commands, events, failed, refused } from '../../topologies/orders.ts'
import { orderDecider } from '../../topologies/orders/decider.ts'
import type { Order, OrderCommand, OrderEvent, Refusal } from '../../topologies/orders/model.ts'

/** What came out of the orders topology, or should have: by partition, in order. */
export interface OrdersOutcome {
  readonly events: readonly (readonly string[])[]
  readonly refused: readonly (readonly string[])[]
  /** Values of the dead letters, sorted: they have no order among partitions. */
  readonly deadLetters: readonly string[]
  /** State of each order. */
  readonly orders: ReadonlyMap<string, Order>
}

export async function readAll(port: KafkaPort, topic: string): Promise<readonly RawRecord[]> {
  const records: RawRecord[] = []
  for await (const record of readTopic(port, systemClock, topic, 'end')) records.push(record)
  return records
}

const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString()

/** The plain fold of the commands topic: no Kafka, no stores, no crash. */
export async function expectedOutcome(port: KafkaPort, partitions: number): Promise<OrdersOutcome> {
  const outcome = empty(partitions)
  for (const { partition, key, value, timestampMs } of await readAll(port, commands.name)) {
    const orderId = text(key)
    let command: OrderCommand
    try {
      command = JSON.parse(text(value)) as OrderCommand
    } catch {
      outcome.deadLetters.push(text(value))
      continue
    }
    const before = outcome.orders.get(orderId) ?? orderDecider.initialState
    const meta = { key: orderId, timestampMs, topic: '', partition, offset: 0, headers: noHeaders }
    const decided = orderDecider.decide(command, before, meta)
    if (isRejected<Refusal>(decided)) {
      outcome.refused[partition]?.push(JSON.stringify({ command, reason: decided.reason }))
    } else {
      for (const event of [decided].flat() as readonly OrderEvent[]) {
        outcome.events[partition]?.push(JSON.stringify(event))
        const order = outcome.orders.get(orderId) ?? before
        outcome.orders.set(orderId, orderDecider.evolve(order, event))
      }
    }
  }
  outcome.deadLetters.sort()
  return outcome
}

/** What is committed in the output topics and in the changelog. */
export async function actualOutcome(
  port: KafkaPort,
  applicationId: string,
  partitions: number,
): Promise<OrdersOutcome> {
  const outcome = empty(partitions)
  for (const { partition, value } of await readAll(port, events.name)) {
    outcome.events[partition]?.push(text(value))
  }
  for (const { partition, value } of await readAll(port, refused.name)) {
    outcome.refused[partition]?.push(text(value))
  }
  for (const { value } of await readAll(port, failed.name)) outcome.deadLetters.push(text(value))
  for (const { key, value } of await readAll(port, `${applicationId}-order-changelog`)) {
    if (value === null) outcome.orders.delete(text(key))
    else outcome.orders.set(text(key), JSON.parse(text(value)) as Order)
  }
  outcome.deadLetters.sort()
  return outcome
}

function empty(partitions: number) {
  const lists = (): string[][] => Array.from({ length: partitions }, () => [])
  return {
    events: lists(),
    refused: lists(),
    deadLetters: [] as string[],
    orders: new Map<string, Order>(),
  }
}

/** Says where two outcomes part, which is easier to read than two thousand lines of both. */
export function firstDifference(
  actual: OrdersOutcome,
  expected: OrdersOutcome,
): string | undefined {
  for (const what of ['events', 'refused'] as const) {
    for (const [partition, list] of expected[what].entries()) {
      const got = actual[what][partition] ?? []
      const at = list.findIndex((value, index) => got[index] !== value)
      if (at >= 0) return `${what} ${partition}, place ${at}: ${got[at]} instead of ${list[at]}`
      if (got.length > list.length) return `${what} ${partition}: ${got[list.length]} is too much`
    }
  }
  if (!isDeepStrictEqual(actual.deadLetters, expected.deadLetters)) {
    return `${actual.deadLetters.length} dead letters instead of ${expected.deadLetters.length}`
  }
  for (const [id, order] of expected.orders) {
    const got = actual.orders.get(id)
    if (!isDeepStrictEqual(got, order)) {
      return `state of ${id}: ${JSON.stringify(got)} instead of ${JSON.stringify(order)}`
    }
  }
  if (actual.orders.size !== expected.orders.size) {
    return `${actual.orders.size} orders instead of ${expected.orders.size}`
  }
  return undefined
}
