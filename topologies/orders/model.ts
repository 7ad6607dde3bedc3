/**
 * What may be asked of an order. Each command carries an id of its own, so that a repeat is
 * noticed.
 */
export type OrderCommand =
  | {
      readonly type: 'PlaceOrder'
      readonly commandId: string
      readonly customer: string
      readonly lines: readonly OrderLine[]
    }
  | { readonly type: 'RecordPayment'; readonly commandId: string; readonly payment: Payment }
  | { readonly type: 'ShipOrder'; readonly commandId: string; readonly carrier: string }
  | { readonly type: 'CancelOrder'; readonly commandId: string; readonly why: string }

export interface OrderLine {
  readonly sku: string
  readonly quantity: number
  /** In cents. */
  readonly price: number
}

/** What the payment service writes to its own topic, keyed by order. */
export interface Payment {
  readonly paymentId: string
  /** In cents. */
  readonly amount: number
  readonly status: 'succeeded' | 'failed'
}

/** What happened to an order: the only truth about it. */
export type OrderEvent =
  | {
      readonly type: 'OrderPlaced'
      readonly commandId: string
      readonly customer: string
      readonly total: number
    }
  | {
      readonly type: 'OrderPaid'
      readonly commandId: string
      readonly paymentId: string
      readonly amount: number
    }
  | { readonly type: 'PaymentFailed'; readonly commandId: string; readonly paymentId: string }
  | { readonly type: 'OrderShipped'; readonly commandId: string; readonly carrier: string }
  | { readonly type: 'OrderCancelled'; readonly commandId: string; readonly why: string }

export interface Order {
  readonly status: 'unknown' | 'placed' | 'paid' | 'shipped' | 'cancelled'
  /** In cents. */
  readonly total: number
  /** Of everything that was accepted; a repeat is refused. */
  readonly commandIds: readonly string[]
}

export type Refusal =
  | 'unknown command'
  | 'unknown order'
  | 'order exists'
  | 'empty order'
  | 'repeated command'
  | 'wrong amount'
  | 'not paid'
  | 'already paid'
  | 'already shipped'
  | 'already cancelled'

/** A command that was refused, and why. */
export interface RefusedCommand {
  readonly command: OrderCommand
  readonly reason: Refusal
}
