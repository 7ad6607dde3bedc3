import { pattern } from 'millrace'
import type { OrderEvent, OrderPlaced, PaymentAlert, PaymentFailed } from './model.ts'

/** An order was placed, and less than five minutes later a payment for it failed. */
export const failedPayment = pattern<OrderEvent>('failed-payment')
  .begin('order', (event) => event.type === 'OrderPlaced')
  .followedBy('payment', (event) => event.type === 'PaymentFailed')
  .within('5m')

export function alertOf({
  order: { customer, total },
  payment: { payment },
}: {
  readonly order: OrderPlaced
  readonly payment: PaymentFailed
}): PaymentAlert {
  return { customer, total, paymentId: payment.paymentId, card: payment.card }
}
