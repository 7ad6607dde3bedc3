import type { DeadLetter } from '../../src/core/dead-letter.ts'
import { TopologyTestDriver } from 'millrace/testing'
import orders, { alerts, commands, events, paid, payments, refused, unmatched } from '../orders.ts'
import type {
  Order,
  OrderCommand,
  OrderEvent,
  PaidOrder,
  Payment,
  PaymentAlert,
  RefusedCommand,
  UnmatchedPayment,
} from './model.ts'

const tea = { sku: 'tea', quantity: 2, price: 650 }
const cocoa = { sku: 'cocoa', quantity: 1, price: 820 }
export const TOTAL = 2_120

export const place: OrderCommand & { readonly type: 'PlaceOrder' } = {
  type: 'PlaceOrder',
  commandId: 'c-place',
  customer: 'Ada',
  lines: [tea, cocoa],
}
export const ship: OrderCommand & { readonly type: 'ShipOrder' } = {
  type: 'ShipOrder',
  commandId: 'c-ship',
  carrier: 'red-van',
}
export const cancel: OrderCommand & { readonly type: 'CancelOrder' } = {
  type: 'CancelOrder',
  commandId: 'c-cancel',
  why: 'rain',
}

export const pays: Payment = {
  paymentId: 'p-1',
  amount: TOTAL,
  status: 'succeeded',
  card: '4000-0000',
}
/** The last digit of the card says how often the bank declines it when it is charged again. */
export const fails = (card: string): Payment => ({ ...pays, status: 'failed', card })

export const placed: OrderEvent = {
  type: 'OrderPlaced',
  commandId: 'c-place',
  customer: 'Ada',
  total: TOTAL,
}
export const orderPaid: OrderEvent = {
  type: 'OrderPaid',
  commandId: 'p-1:succeeded',
  paymentId: 'p-1',
  amount: TOTAL,
}
export const paymentFailed = (payment: Payment): OrderEvent => ({
  type: 'PaymentFailed',
  commandId: 'p-1:failed',
  payment,
})
export const shipped: OrderEvent = {
  type: 'OrderShipped',
  commandId: 'c-ship',
  carrier: 'red-van',
}
export const cancelled: OrderEvent = {
  type: 'OrderCancelled',
  commandId: 'c-cancel',
  why: 'rain',
}

/** One order of a service that runs. What it tells is told since the last time it was asked. */
export class OrderStory implements AsyncDisposable {
  readonly driver = new TopologyTestDriver(orders, { startMs: 3_600_000 })
  #others = 0

  async command(...given: readonly OrderCommand[]): Promise<void> {
    for (const command of given) await this.driver.input(commands).send('order-1', command)
  }

  payment(payment: Payment, order = 'order-1', timestampMs?: number): Promise<void> {
    const when = timestampMs === undefined ? {} : { timestampMs }
    return this.driver.input(payments).send(order, payment, when)
  }

  sendText(text: string): Promise<void> {
    return this.driver.input(commands).sendBytes(Buffer.from('order-1'), Buffer.from(text))
  }

  /** By the clock on the wall. */
  wait(time: Parameters<TopologyTestDriver['advanceTime']>[0]): Promise<void> {
    return this.driver.advanceTime(time)
  }

  /** By the clock on the wall, and then another order has a payment, which moves event time on. */
  async later(time: Parameters<TopologyTestDriver['advanceTime']>[0]): Promise<void> {
    await this.wait(time)
    this.#others += 1
    await this.payment({ ...pays, paymentId: `other-${this.#others}` }, 'order-of-others')
  }

  events(): readonly OrderEvent[] {
    return this.driver.output(events).values()
  }

  refusals(): readonly RefusedCommand[] {
    return this.driver.output(refused).values()
  }

  reasons(): readonly string[] {
    return this.refusals().map(({ reason }) => reason)
  }

  paid(): readonly PaidOrder[] {
    return this.driver.output(paid).values()
  }

  unmatched(): readonly UnmatchedPayment[] {
    const told = this.driver.output(unmatched).keyValues()
    return told.filter(([order]) => order === 'order-1').map(([, payment]) => payment)
  }

  alerts(): readonly (readonly [order: string, alert: PaymentAlert])[] {
    return this.driver.output(alerts).keyValues()
  }

  deadLetters(): readonly DeadLetter[] {
    return this.driver.deadLetters()
  }

  state(): Order | undefined {
    return this.driver.store<string, Order>('order').get('order-1')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.driver[Symbol.asyncDispose]()
  }
}
