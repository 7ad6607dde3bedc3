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

/**
 * What the payment service reports in a topic of its own, keyed by order. A payment that failed and
 * was charged again with success is reported twice.
 */
export interface Payment {
  readonly paymentId: string
  /** In cents. */
  readonly amount: number
  readonly status: 'succeeded' | 'failed'
  readonly card: string
}

/** What happened to an order: the only truth about it. */
export type OrderEvent =
  | OrderPlaced
  | PaymentFailed
  | {
      readonly type: 'OrderPaid'
      readonly commandId: string
      readonly paymentId: string
      readonly amount: number
    }
  | { readonly type: 'OrderShipped'; readonly commandId: string; readonly carrier: string }
  | { readonly type: 'OrderCancelled'; readonly commandId: string; readonly why: string }

export interface OrderPlaced {
  readonly type: 'OrderPlaced'
  readonly commandId: string
  readonly customer: string
  /** In cents. */
  readonly total: number
}

export interface PaymentFailed {
  readonly type: 'PaymentFailed'
  readonly commandId: string
  readonly payment: Payment
}

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

/** A payment with the order that it was for. */
export interface PaidOrder {
  readonly customer: string
  readonly paymentId: string
  /** In cents. */
  readonly amount: number
}

/** A payment that paid for nothing, and why. */
export interface UnmatchedPayment {
  readonly payment: Payment
  readonly why: 'no order within five minutes' | 'wrong amount' | 'repeated'
}

/** Somebody should look at it: an order was placed, and then its payment failed. */
export interface PaymentAlert {
  readonly customer: string
  readonly total: number
  readonly paymentId: string
  readonly card: string
}
