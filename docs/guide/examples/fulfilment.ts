import { correlate, json, string, topic, topology } from 'millrace'

export interface Order {
  readonly orderId: string
  readonly customer: string
}
export interface Payment {
  readonly paymentId: string
  readonly orderId: string
  readonly amount: number
}

export const orders = topic('orders', { key: string, value: json<Order>() })
/** By payment id, and some of them twice: the bank's gateway tries again. */
export const payments = topic('payments', { key: string, value: json<Payment>() })
export const paid = topic('orders.paid', { key: string, value: json<Order & Payment>() })
export const unpaid = topic('orders.unpaid', { key: string, value: json<Order>() })

export default topology('fulfilment', (builder) => {
  const once = builder
    .stream(payments)
    .dedupe({ by: ({ paymentId }) => paymentId, within: '1h', store: 'seen-payments' })

  const met = correlate(
    { order: builder.stream(orders), payment: once },
    {
      by: ({ orderId }) => orderId,
      within: '5m',
      grace: '1m',
      store: 'order-payment',
      key: string,
    },
  )
  met.mapValues(({ order, payment }) => ({ ...order, ...payment })).to(paid)
  met.timedOut.flatMapValues(({ order }) => (order === undefined ? [] : [order])).to(unpaid)
})
