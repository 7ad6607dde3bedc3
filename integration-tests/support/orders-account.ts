import { isDeepStrictEqual } from 'node:util'
import { readTopic } from '../../src/admin/read-topic.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { RawRecord } from '../../src/core/record.ts'
import { noHeaders } from '../../src/core/record.ts'
import { isRejected } from '../../src/operators/decide.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { alerts, commands, events, failed, refused } from '../../topologies/orders.ts'
import { orderDecider } from '../../topologies/orders/decider.ts'
import { alertOf } from '../../topologies/orders/failed-payment.ts'
import type {
  Order,
  OrderCommand,
  OrderEvent,
  OrderPlaced,
  Refusal,
} from '../../topologies/orders/model.ts'

/** What came out of the orders topology, or should have: by partition, in order. */
export interface OrdersOutcome {
  readonly events: readonly (readonly string[])[]
  readonly refused: readonly (readonly string[])[]
  readonly alerts: readonly (readonly string[])[]
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

/** Which orders are looked at; others may have been written by somebody else. */
export type OwnOrders = (orderId: string) => boolean

const allOrders: OwnOrders = () => true

/**
 * The plain fold of the commands topic: no Kafka, no stores, no crash. It takes it that the bank
 * declines every payment that failed again and again, as `writeCommands` has it.
 */
export async function expectedOutcome(
  port: KafkaPort,
  partitions: number,
  isOwn = allOrders,
): Promise<OrdersOutcome> {
  const outcome = empty(partitions)
  /** Orders of which no failure has been told yet. */
  const placed = new Map<string, OrderPlaced>()
  for (const { partition, key, value, timestampMs } of await readAll(port, commands.name)) {
    const orderId = text(key)
    if (!isOwn(orderId)) continue
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
        if (event.type === 'OrderPlaced') placed.set(orderId, event)
        if (event.type === 'PaymentFailed') {
          outcome.deadLetters.push(text(value))
          const order = placed.get(orderId)
          if (order === undefined) continue
          placed.delete(orderId)
          outcome.alerts[partition]?.push(JSON.stringify(alertOf({ order, payment: event })))
        }
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
  isOwn = allOrders,
): Promise<OrdersOutcome> {
  const outcome = empty(partitions)
  const own = async (topic: string): Promise<readonly RawRecord[]> =>
    (await readAll(port, topic)).filter(({ key }) => isOwn(text(key)))
  for (const [topic, lists] of [
    [events, outcome.events],
    [refused, outcome.refused],
    [alerts, outcome.alerts],
  ] as const) {
    for (const { partition, value } of await own(topic.name)) lists[partition]?.push(text(value))
  }
  for (const { value } of await own(failed.name)) outcome.deadLetters.push(text(value))
  for (const { key, value } of await own(`${applicationId}-order-changelog`)) {
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
    alerts: lists(),
    deadLetters: [] as string[],
    orders: new Map<string, Order>(),
  }
}

/** How many input records it comes from: a payment that failed is given up later, too. */
export function inputsOf({ events, refused, deadLetters }: OrdersOutcome): number {
  const failures = events.flat().filter((event) => event.includes('"PaymentFailed"'))
  return [...events, ...refused, deadLetters].flat().length - failures.length
}

/** Resolves when every payment that failed has been given up: that takes some seconds. */
export async function untilGivenUp(port: KafkaPort, expected: OrdersOutcome): Promise<void> {
  const untilMs = systemClock.nowMs() + 60_000
  for (;;) {
    const found = new Set((await readAll(port, failed.name)).map(({ value }) => text(value)))
    const missing = expected.deadLetters.filter((letter) => !found.has(letter))
    if (missing.length === 0) return
    if (systemClock.nowMs() > untilMs) throw new Error(`${missing.length} dead letters are missing`)
    await systemClock.sleep(500)
  }
}

/** Says where two outcomes part, which is easier to read than two thousand lines of both. */
export function firstDifference(
  actual: OrdersOutcome,
  expected: OrdersOutcome,
): string | undefined {
  for (const what of ['events', 'refused', 'alerts'] as const) {
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
