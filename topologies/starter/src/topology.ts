// What each customer has spent, kept up to date. `npm start` runs it.
import { deadLetters, json, string, topic, topology } from 'millrace'

export interface Payment {
  readonly customer: string
  readonly cents: number
}

export const payments = topic('my-service.payments', { key: string, value: json<Payment>() })
export const spending = topic('my-service.spending', { key: string, value: json<number>() })
export const failed = deadLetters('my-service.dead-letters')

/** Throws for what nobody can have paid: such a record becomes a dead letter, and others go on. */
export function checked(payment: Payment): Payment {
  const { customer, cents } = payment
  if (typeof customer !== 'string' || customer === '') throw new TypeError('nobody has paid')
  if (!Number.isSafeInteger(cents) || cents <= 0) throw new RangeError(`${cents} cents were paid`)
  return payment
}

// Names of stores and repartitions are remembered by Kafka: renaming one begins with empty state.
export default topology('my-service', { deadLetters: failed }, (builder) => {
  builder
    .stream(payments)
    .mapValues(checked)
    .groupBy((payment) => payment.customer, { name: 'by-customer' })
    .aggregate(
      () => 0,
      (payment, total) => total + payment.cents,
      { store: 'spent' },
    )
    .toStream()
    .to(spending)
})
