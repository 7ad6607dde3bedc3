import { seededRandom, type Random } from '../../src/core/random.ts'
import type { OrderCommand, Payment } from './model.ts'

/** A record to write: what it is for a person, and its bytes. */
export interface GeneratedRecord {
  readonly topic: 'orders.commands' | 'payments'
  readonly key: string
  readonly value: string
}

const LIVING_ORDERS = 400
const customers = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Leslie', 'Margaret', 'Tony', 'Frances']
const goods = [
  { sku: 'tea', price: 650 },
  { sku: 'coffee', price: 1_190 },
  { sku: 'cocoa', price: 820 },
  { sku: 'mate', price: 940 },
]
const carriers = ['north-wind', 'red-van', 'slow-boat']

/**
 * Orders from their first command to their last, interleaved, with everything that goes wrong in
 * real life: broken JSON, orders nobody placed, repeated commands, failed payments, wrong amounts.
 * The same seed gives the same records.
 */
export function* orderWorkload(seed: number): Generator<GeneratedRecord, never> {
  const random = seededRandom(seed)
  const open: Generator<GeneratedRecord>[] = []
  for (let number = 1; ; number += 1) {
    open.push(lifeOf(`order-${seed}-${number}`, random))
    // Each turn one of the living orders moves on, so the steps of one are well apart.
    while (open.length >= LIVING_ORDERS) {
      const index = Math.floor(random() * open.length)
      const next = open[index]?.next()
      if (next === undefined || next.done === true) open.splice(index, 1)
      else yield next.value
    }
  }
}

function* lifeOf(orderId: string, random: Random): Generator<GeneratedRecord> {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const chance = (share: number): boolean => random() < share
  let step = 0
  const command = (value: OrderCommand): GeneratedRecord => ({
    topic: 'orders.commands',
    key: orderId,
    value: JSON.stringify(value),
  })
  const commandId = (): string => `${orderId}/${(step += 1)}`

  if (chance(0.02)) {
    // A client with a bug.
    yield { topic: 'orders.commands', key: orderId, value: '{"type":"PlaceOrder","lines":[' }
    return
  }
  if (chance(0.02)) {
    yield command({ type: 'ShipOrder', commandId: commandId(), carrier: pick(carriers) })
    return
  }
  const lines = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
    const { sku, price } = pick(goods)
    return { sku, price, quantity: 1 + Math.floor(random() * 4) }
  })
  const total = lines.reduce((sum, line) => sum + line.quantity * line.price, 0)
  const place = command({
    type: 'PlaceOrder',
    commandId: commandId(),
    customer: pick(customers),
    lines,
  })
  yield place
  if (chance(0.03)) yield place

  const payment = (status: Payment['status'], amount: number): GeneratedRecord => ({
    topic: 'payments',
    key: orderId,
    value: JSON.stringify({ paymentId: commandId(), amount, status } satisfies Payment),
  })
  if (chance(0.1)) yield payment('failed', total)
  if (chance(0.03)) yield payment('succeeded', total - 1)
  if (chance(0.1)) {
    yield command({ type: 'CancelOrder', commandId: commandId(), why: 'changed my mind' })
    return
  }
  yield payment('succeeded', total)
  const ship = command({ type: 'ShipOrder', commandId: commandId(), carrier: pick(carriers) })
  yield ship
  if (chance(0.03)) yield ship
}
