import { deadLetters, json, string, topic, topology } from 'millrace'

export interface Order {
  readonly customer: string
  readonly lines: readonly { readonly sku: string; readonly cents: number }[]
}

export interface Invoice {
  readonly customer: string
  readonly cents: number
}

export const orders = topic('orders', { key: string, value: json<Order>() })
export const heartbeats = topic('heartbeats', { key: string, value: json<object>() })
export const invoices = topic('invoices', { key: string, value: json<Invoice>() })
export const failed = deadLetters('invoices.dead-letters')

export function invoiceFor(order: Order): Invoice {
  if (order.lines.length === 0) throw new RangeError('an order without lines')
  const cents = order.lines.reduce((sum, line) => sum + line.cents, 0)
  return { customer: order.customer, cents }
}

export default topology('invoices', { deadLetters: failed }, (builder) => {
  builder.stream(orders).mapValues(invoiceFor).to(invoices)

  // Nobody will ever look at a broken heartbeat.
  builder.stream(heartbeats, { onBadRecord: 'skip' }).forEach(() => {})
})
