import { deadLetters, json, string, topic, topology } from 'millrace'

export interface Payment {
  readonly customer: string
  readonly cents: number
  readonly status: 'succeeded' | 'failed'
}

export const payments = topic('payments', { key: string, value: json<Payment>() })
export const spending = topic('spending', { key: string, value: json<number>() })
export const failed = deadLetters('customer-spending.dead-letters')

export default topology('customer-spending', { deadLetters: failed }, (builder) => {
  builder
    .stream(payments)
    .filter((payment) => payment.status === 'succeeded')
    .groupBy((payment) => payment.customer, { name: 'by-customer' })
    .aggregate(
      () => 0,
      (payment, total) => total + payment.cents,
      { store: 'spent' },
    )
    .toStream()
    .to(spending)
})
