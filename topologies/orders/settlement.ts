import type { AsyncMeta } from 'millrace'
import { CardExpired, charge } from './bank.ts'
import type {
  OrderCommand,
  OrderPlaced,
  PaidOrder,
  Payment,
  PaymentFailed,
  UnmatchedPayment,
} from './model.ts'

/** What the payment service reports is one more command to the order. */
export const asCommand = (payment: Payment): OrderCommand => ({
  type: 'RecordPayment',
  // A payment that failed, and then succeeded, is no repeat.
  commandId: `${payment.paymentId}:${payment.status}`,
  payment,
})

/** Asks the bank once more, and reports the payment as the payment service does. */
export async function chargeAgain(
  { payment }: PaymentFailed,
  { attempt, idempotencyKey }: Pick<AsyncMeta, 'attempt' | 'idempotencyKey'>,
): Promise<Payment> {
  const { card, amount } = payment
  await charge({ card, amount, attempt, idempotencyKey })
  return { ...payment, status: 'succeeded' }
}

export const mayHelp = (error: unknown): boolean => !(error instanceof CardExpired)

/** A payment with its order, or without one if none was placed within five minutes of it. */
export function settle(payment: Payment, placed: OrderPlaced | null): PaidOrder | UnmatchedPayment {
  const { paymentId, amount } = payment
  if (placed === null) return { payment, why: 'no order within five minutes' }
  if (amount !== placed.total) return { payment, why: 'wrong amount' }
  return { customer: placed.customer, paymentId, amount }
}

export const isPaid = (settled: PaidOrder | UnmatchedPayment): settled is PaidOrder =>
  'customer' in settled

export const asRepeated = (payment: Payment): UnmatchedPayment => ({ payment, why: 'repeated' })
