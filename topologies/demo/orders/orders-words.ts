import type {
  OrderCommand,
  OrderEvent,
  PaidOrder,
  Payment,
  PaymentAlert,
  RefusedCommand,
  UnmatchedPayment,
} from '../../orders/model.ts'
import { inWords, money } from '../words.ts'

export const command = (text: string): string =>
  inWords(text, (command: OrderCommand) => {
    switch (command.type) {
      case 'PlaceOrder': {
        const goods = command.lines.map(({ quantity, sku }) => `${quantity} ${sku}`)
        return `PlaceOrder by ${command.customer}: ${goods.join(', ')}`
      }
      case 'ShipOrder':
        return `ShipOrder with ${command.carrier}`
      case 'CancelOrder':
        return `CancelOrder: ${command.why}`
      case 'RecordPayment':
        return `RecordPayment of ${money(command.payment.amount)}`
    }
  })

export const payment = (text: string): string =>
  inWords(text, ({ status, amount, card }: Payment) => `${status}, ${money(amount)} from ${card}`)

export const event = (text: string): string =>
  inWords(text, (event: OrderEvent) => {
    switch (event.type) {
      case 'OrderPlaced':
        return `OrderPlaced by ${event.customer}, ${money(event.total)}`
      case 'OrderPaid':
        return `OrderPaid, ${money(event.amount)}`
      case 'OrderShipped':
        return `OrderShipped with ${event.carrier}`
      case 'OrderCancelled':
        return `OrderCancelled: ${event.why}`
      case 'PaymentFailed':
        return `PaymentFailed from ${event.payment.card}`
    }
  })

export const refusal = (text: string): string =>
  inWords(text, ({ command, reason }: RefusedCommand) => `${command.type}: ${reason}`)

export const paidOrder = (text: string): string =>
  inWords(text, ({ customer, amount }: PaidOrder) => `${customer} has paid ${money(amount)}`)

export const unmatched = (text: string): string =>
  inWords(text, ({ payment, why }: UnmatchedPayment) => `${money(payment.amount)}: ${why}`)

export const alert = (text: string): string =>
  inWords(text, ({ customer, card }: PaymentAlert) => `${customer}'s payment from ${card} failed`)
