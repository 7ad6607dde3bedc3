import type { OrderCommand, OrderEvent, Payment, RefusedCommand } from '../orders/model.ts'

/** Cents as people write them. */
const money = (cents: number): string => (cents / 100).toFixed(2)

/** JSON in words; what cannot be read that way is shown as it is. */
function inWords(text: string, words: (value: never) => string): string {
  try {
    return words(JSON.parse(text) as never)
  } catch {
    return text
  }
}

export const commandInWords = (text: string): string =>
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

export const paymentInWords = (text: string): string =>
  inWords(text, ({ status, amount }: Payment) => `${status}, ${money(amount)}`)

export function eventInWords(event: OrderEvent): string {
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
      return 'PaymentFailed'
  }
}

export const refusalInWords = (text: string): string =>
  inWords(text, ({ command, reason }: RefusedCommand) => `${command.type}: ${reason}`)
