/**
 * The number of the input record with which a payment was reported for the first time, by which it
 * is named; undefined for a payment of another run.
 */
export function numberOfPayment(paymentId: string, run: string): number | undefined {
  const prefix = `payment-${run}-`
  return paymentId.startsWith(prefix) ? Number(paymentId.slice(prefix.length)) : undefined
}
