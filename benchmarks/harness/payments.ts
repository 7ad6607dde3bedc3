/**
 * The input of the join: orders by their own ids, and payments a second later. Like the orders,
 * each is a pure function of its index.
 */
import { noHeaders } from '../../src/core/record.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { orderJson } from './orders.ts'
import { fill } from './topics.ts'

const STEP_MS = 2
const PAID_AFTER_MS = 1_001

/** One payment in five is for an order that there is not. */
export const isPaid = (index: number): boolean => index % 5 !== 4

export const orderId = (index: number): string => `o-${index}`

const paidId = (index: number): string => `${isPaid(index) ? 'o' : 'x'}-${index}`

export const paymentJson = (index: number, timestampMs: number): string =>
  `{"paymentId":"p-${index}","orderId":"${paidId(index)}","eventType":"PAYMENT_RECEIVED"` +
  `,"method":"CARD","paid":${index % 500},"ts":${timestampMs}}`

/** When an order and its payment happened, where the first did at `startMs`. */
export const orderTimeMs = (index: number, startMs: number): number => startMs + STEP_MS * index
export const paymentTimeMs = (index: number, startMs: number): number =>
  orderTimeMs(index, startMs) + PAID_AFTER_MS

/** Half of the records are orders, half are payments; returns the time of the first. */
export async function makeJoinInput(
  port: KafkaPort,
  orders: string,
  payments: string,
  records: number,
): Promise<number> {
  const startMs = systemClock.nowMs() - records
  await fill(port, [orders, payments], records / 2, (producer, index) => {
    const [ordered, paid] = [orderTimeMs(index, startMs), paymentTimeMs(index, startMs)]
    const order = Buffer.from(orderJson(index, ordered))
    const payment = Buffer.from(paymentJson(index, paid))
    producer.send(orders, null, ordered, Buffer.from(orderId(index)), order, noHeaders)
    producer.send(payments, null, paid, Buffer.from(paidId(index)), payment, noHeaders)
  })
  return startMs
}
