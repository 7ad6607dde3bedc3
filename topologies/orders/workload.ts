import { seededRandom, type Random } from '../../src/core/random.ts'
import type { GeneratedRecord } from '../demo/generated-record.ts'
import type { OrderCommand, Payment } from './model.ts'

const LIVING_ORDERS = 400
/** A payment is charged again within seconds, and an order has a turn every 0.2 s. */
const TURNS_TO_RECOVER = 25
/** A bank that was offline reports a payment so late. */
const LATE_MS = 20 * 60_000

const customers = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Leslie', 'Margaret', 'Tony', 'Frances']
const goods = [
  { sku: 'tea', price: 650 },
  { sku: 'coffee', price: 1_190 },
  { sku: 'cocoa', price: 820 },
  { sku: 'mate', price: 940 },
]
const carriers = ['north-wind', 'red-van', 'slow-boat']
/** How the bank takes a card that has failed: see `bank.ts`. */
const failingCards = [
  ...['4000-0000', '4000-0000', '4000-0001', '4000-0001', '4000-0002', '4000-0002'],
  ...['4000-0009', '4000-0009', '4000-expired'],
]
const RECOVERING = new Set(['4000-0000', '4000-0001', '4000-0002'])

interface Life {
  readonly orderId: string
  readonly random: Random
  /** Names a payment by the number of its record, counted from 1. */
  readonly paymentId: () => string
}

/** A record, or nothing in this turn. */
type Turn = GeneratedRecord | undefined

/**
 * Orders from their first command to their last, interleaved, with everything that goes wrong in
 * real life: broken JSON, orders nobody placed, repeated commands and payments, payments that fail,
 * come too late or have the wrong amount. The same seed gives the same records; `tag` is what the
 * names of orders and payments have in common.
 */
export function* orderWorkload(
  seed: number,
  tag: string = String(seed),
): Generator<GeneratedRecord, never> {
  const random = seededRandom(seed)
  const open: Generator<Turn>[] = []
  let written = 0
  const paymentId = (): string => `payment-${tag}-${written + 1}`
  for (let number = 1; ; number += 1) {
    open.push(lifeOf({ orderId: `order-${tag}-${number}`, random, paymentId }))
    // Each turn one of the living orders moves on, so the steps of one are well apart.
    while (open.length >= LIVING_ORDERS) {
      const index = Math.floor(random() * open.length)
      const next = open[index]?.next()
      if (next === undefined || next.done === true) open.splice(index, 1)
      else if (next.value !== undefined) {
        yield next.value
        written += 1
      }
    }
  }
}

function* lifeOf({ orderId, random, paymentId }: Life): Generator<Turn> {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const chance = (share: number): boolean => random() < share
  let step = 0
  const written = (topic: string, value: string): GeneratedRecord => ({
    topic,
    key: orderId,
    value,
  })
  const command = (value: OrderCommand): GeneratedRecord =>
    written('orders.commands', JSON.stringify(value))
  const commandId = (): string => `${orderId}/${(step += 1)}`
  const payment = (status: Payment['status'], amount: number, card: string): GeneratedRecord =>
    written('payments', JSON.stringify({ paymentId: paymentId(), amount, status, card }))

  // A client with a bug.
  if (chance(0.02)) return yield written('orders.commands', '{"type":"PlaceOrder","lines":[')
  if (chance(0.005)) return yield written('payments', '{"paymentId":')
  if (chance(0.02)) {
    return yield command({ type: 'ShipOrder', commandId: commandId(), carrier: pick(carriers) })
  }
  // Somebody has typed the number of the order wrong.
  if (chance(0.01)) return yield payment('succeeded', 650, '4000-0000')

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

  let isRecovering = false
  if (chance(0.1)) {
    const card = pick(failingCards)
    yield payment('failed', total, card)
    isRecovering = RECOVERING.has(card)
  }
  if (chance(0.03)) yield payment('succeeded', total - 1, '4000-0000')
  if (chance(0.1)) {
    return yield command({ type: 'CancelOrder', commandId: commandId(), why: 'changed my mind' })
  }
  if (isRecovering) {
    // Nobody pays twice: the customer waits for the bank.
    for (let turn = 0; turn < TURNS_TO_RECOVER; turn += 1) yield undefined
  } else {
    const made = payment('succeeded', total, '4000-0000')
    yield chance(0.02) ? { ...made, ageMs: LATE_MS } : made
    if (chance(0.02)) yield made
  }
  const ship = command({ type: 'ShipOrder', commandId: commandId(), carrier: pick(carriers) })
  yield ship
  if (chance(0.03)) yield ship
}
