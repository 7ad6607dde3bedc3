import { deadLetterHeader } from '../../../src/core/dead-letter.ts'
import { headerText } from '../../../src/core/record.ts'
import { events, failed, paid, payments, recovered, unmatched } from '../../orders.ts'
import { orderDecider } from '../../orders/decider.ts'
import type { Order, OrderEvent, PaidOrder, Payment, UnmatchedPayment } from '../../orders/model.ts'
import type { Follower, SeenRecord } from '../case-study.ts'
import type { GeneratedRecord } from '../generated-record.ts'
import { inputNumber } from '../input-id.ts'
import { numberOfPayment } from './payment-number.ts'

/** What became of the orders and payments of a run so far. */
export class OrdersFollower implements Follower {
  readonly #run: string
  /** Of orders that are not at their end yet; the others are only counted. */
  readonly #open = new Map<string, Order>()
  readonly #closed = new Map<string, number>()
  /** Of payments. */
  readonly #counts = { failed: 0, recovered: 0, givenUp: 0, succeeded: 0, settled: 0 }

  constructor(run: string) {
    this.#run = run
  }

  readonly wrote = ({ topic, value }: GeneratedRecord): void => {
    if (topic === payments.name && value.includes('"succeeded"')) this.#counts.succeeded += 1
  }

  readonly saw = (topic: string, record: SeenRecord): void => {
    const { key, value, headers } = record
    const isOurs = inputNumber(headers, this.#run) !== undefined
    if (topic === events.name && isOurs) this.#follow(key, JSON.parse(value) as OrderEvent)
    if (topic === recovered.name && isOurs) this.#counts.recovered += 1
    if (topic === failed.name && isOurs) {
      const isPayment = headerText(headers, deadLetterHeader.node) === 'charge-again'
      if (isPayment) this.#counts.givenUp += 1
    }
    if (topic === paid.name) this.#settled(JSON.parse(value) as PaidOrder)
    if (topic === unmatched.name) this.#settled((JSON.parse(value) as UnmatchedPayment).payment)
  }

  #settled({ paymentId }: Pick<Payment, 'paymentId'>): void {
    if (numberOfPayment(paymentId, this.#run) !== undefined) this.#counts.settled += 1
  }

  #follow(key: string, event: OrderEvent): void {
    if (event.type === 'PaymentFailed') this.#counts.failed += 1
    const before = this.#open.get(key) ?? orderDecider.initialState
    const order = orderDecider.evolve(before, event)
    if (order.status === 'shipped' || order.status === 'cancelled') {
      this.#open.delete(key)
      this.#closed.set(order.status, (this.#closed.get(order.status) ?? 0) + 1)
    } else {
      // Which commands it was is the decider's business.
      this.#open.set(key, { ...order, commandIds: [] })
    }
  }

  readonly note = (topic: string): string => {
    if (topic === events.name) {
      return Object.entries(this.#ordersByStatus())
        .map(([status, count]) => `${count.toLocaleString('en-US')} ${status}`)
        .join(', ')
    }
    if (topic === failed.name && this.underWay() > 0) {
      return `unreadable or given up; ${this.underWay()} payments are charged again`
    }
    return notes[topic] ?? ''
  }

  #ordersByStatus(): Readonly<Record<string, number>> {
    const orders: Record<string, number> = { placed: 0, paid: 0 }
    for (const { status } of this.#open.values()) orders[status] = (orders[status] ?? 0) + 1
    return { ...orders, ...Object.fromEntries(this.#closed) }
  }

  readonly underWay = (): number =>
    this.#counts.failed - this.#counts.recovered - this.#counts.givenUp

  readonly waiting = (): number =>
    this.#counts.succeeded + this.#counts.recovered - this.#counts.settled
}

const notes: Readonly<Record<string, string>> = {
  'orders.refused': 'commands that broke a rule',
  'orders.paid': 'payments with their orders',
  'payments.unmatched': 'payments without an order, wrong or repeated',
  'orders.alerts': 'orders whose payment failed within five minutes',
  'orders.dead-letters': 'unreadable, or payments given up',
}
