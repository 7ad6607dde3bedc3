import { json, pattern, string, topic, topology } from 'millrace'

export type OrderEvent =
  | { readonly type: 'Placed'; readonly customer: string }
  | { readonly type: 'Reminded' }
  | { readonly type: 'Paid' }

export const orders = topic('orders', { key: string, value: json<OrderEvent>() })
export const calls = topic('orders.calls', { key: string, value: string })

/** Reminded twice within three days, and still not paid. */
const unpaid = pattern<OrderEvent>('unpaid')
  .begin('placed', (event) => event.type === 'Placed')
  .followedBy((reminders) =>
    reminders
      .begin('reminder', (event) => event.type === 'Reminded')
      .notNext('answer', (event) => event.type === 'Paid')
      .followedBy('again', (event) => event.type === 'Reminded'),
  )
  .notFollowedBy('payment', (event) => event.type === 'Paid')
  .within('3d')

export default topology('unpaid-orders', (builder) => {
  builder
    .stream(orders)
    .detect(unpaid, { idleClose: '1m' })
    .mapValues(({ placed }) => `call ${placed.customer}`)
    .to(calls)
})
