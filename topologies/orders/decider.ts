import { json, reject, type Decider } from 'millrace'
import type { Order, OrderCommand, OrderEvent, Refusal } from './model.ts'

/** The rules of an order: no clock, no network, so they give the same answer when replayed. */
export const orderDecider: Decider<OrderCommand, Order, OrderEvent, Refusal> = {
  initialState: { status: 'unknown', total: 0, commandIds: [] },
  state: json<Order>(),

  decide: (command, order) => {
    if (order.commandIds.includes(command.commandId)) return reject('repeated command')
    const { commandId } = command
    if (command.type === 'PlaceOrder') {
      if (order.status !== 'unknown') return reject('order exists')
      if (command.lines.length === 0) return reject('empty order')
      const total = command.lines.reduce((sum, line) => sum + line.quantity * line.price, 0)
      return { type: 'OrderPlaced', commandId, customer: command.customer, total }
    }
    if (order.status === 'unknown') return reject('unknown order')
    if (order.status === 'cancelled') return reject('already cancelled')
    if (order.status === 'shipped') return reject('already shipped')
    switch (command.type) {
      case 'RecordPayment': {
        const { payment } = command
        const { paymentId, amount, status } = payment
        if (order.status === 'paid') return reject('already paid')
        if (status === 'failed') return { type: 'PaymentFailed', commandId, payment }
        if (amount !== order.total) return reject('wrong amount')
        return { type: 'OrderPaid', commandId, paymentId, amount }
      }
      case 'ShipOrder':
        if (order.status !== 'paid') return reject('not paid')
        return { type: 'OrderShipped', commandId, carrier: command.carrier }
      case 'CancelOrder':
        return { type: 'OrderCancelled', commandId, why: command.why }
      default:
        // The topic is open to everyone: JSON that is no command of ours gets here.
        return reject('unknown command')
    }
  },

  evolve: (order, event) => {
    const commandIds = [...order.commandIds, event.commandId]
    switch (event.type) {
      case 'OrderPlaced':
        return { status: 'placed', total: event.total, commandIds }
      case 'OrderPaid':
        return { ...order, status: 'paid', commandIds }
      case 'PaymentFailed':
        return { ...order, commandIds }
      case 'OrderShipped':
        return { ...order, status: 'shipped', commandIds }
      case 'OrderCancelled':
        return { ...order, status: 'cancelled', commandIds }
    }
  },
}
