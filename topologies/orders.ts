import { deadLetters, exponential, json, string, topic, topology } from 'millrace'
import { orderDecider } from './orders/decider.ts'
import { alertOf, failedPayment } from './orders/failed-payment.ts'
import type {
  OrderCommand,
  OrderEvent,
  PaidOrder,
  Payment,
  PaymentAlert,
  RefusedCommand,
  UnmatchedPayment,
} from './orders/model.ts'
import { asCommand, asRepeated, chargeAgain, isPaid, mayHelp, settle } from './orders/settlement.ts'

export const commands = topic('orders.commands', { key: string, value: json<OrderCommand>() })
export const payments = topic('payments', { key: string, value: json<Payment>() })
export const events = topic('orders.events', { key: string, value: json<OrderEvent>() })
export const refused = topic('orders.refused', { key: string, value: json<RefusedCommand>() })
export const recovered = topic('payments.recovered', { key: string, value: json<Payment>() })
export const paid = topic('orders.paid', { key: string, value: json<PaidOrder>() })
export const unmatched = topic('payments.unmatched', {
  key: string,
  value: json<UnmatchedPayment>(),
})
export const alerts = topic('orders.alerts', { key: string, value: json<PaymentAlert>() })
export const failed = deadLetters('orders.dead-letters')

export default topology('orders', { deadLetters: failed }, (builder) => {
  const reported = builder.stream([payments, recovered])

  // Event sourcing: a command is decided against the order's state; its events are the only truth.
  const order = builder
    .stream(commands)
    .merge(reported.mapValues(asCommand))
    .decide(orderDecider, { store: 'order' })
  order.events.to(events)
  order.rejected.to(refused)

  // Retry: what failed is charged again, each time after a longer wait. Three failures are final.
  order.events
    .filter((event) => event.type === 'PaymentFailed')
    .mapValuesAsync(chargeAgain, {
      name: 'charge-again',
      retry: { attempts: 3, backoff: exponential('500ms', '10s'), when: mayHelp },
    })
    .to(recovered)

  // Join: a payment belongs to the order that was placed within five minutes of it.
  const placed = order.events.filter((event) => event.type === 'OrderPlaced')
  const payment = reported
    .filter(({ status }) => status === 'succeeded')
    .dedupe({ by: ({ paymentId }) => paymentId, within: '10m', store: 'seen-payments' })
  const settled = payment.leftJoin(placed, settle, {
    within: '5m',
    grace: '30s',
    store: 'payment-order',
  })
  settled.filter(isPaid).to(paid)
  settled.filterNot(isPaid).merge(payment.duplicates.mapValues(asRepeated)).to(unmatched)

  // Pattern: an order, and then a payment for it that failed.
  order.events.detect(failedPayment).mapValues(alertOf).to(alerts)
})
