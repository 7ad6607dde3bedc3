import { deadLetters, json, string, topic, topology } from 'millrace'
import { orderDecider } from './orders/decider.ts'
import type { OrderCommand, OrderEvent, Payment, RefusedCommand } from './orders/model.ts'

export const commands = topic('orders.commands', { key: string, value: json<OrderCommand>() })
export const payments = topic('payments', { key: string, value: json<Payment>() })
export const events = topic('orders.events', { key: string, value: json<OrderEvent>() })
export const refused = topic('orders.refused', { key: string, value: json<RefusedCommand>() })
export const failed = deadLetters('orders.dead-letters')

export default topology('orders', { deadLetters: failed }, (builder) => {
  // What the payment service reports is one more command to the order.
  const paymentCommands = builder.stream(payments).mapValues((payment): OrderCommand => ({
    type: 'RecordPayment',
    commandId: payment.paymentId,
    payment,
  }))

  // Event sourcing: a command is decided against the order's state; its events are the only truth.
  const order = builder
    .stream(commands)
    .merge(paymentCommands)
    .decide(orderDecider, { store: 'order' })

  order.events.to(events)
  order.rejected.to(refused)
})
