/** The number of the input record; undefined for a transaction of another run. */
export function numberOfTransaction(transactionId: string, run: string): number | undefined {
  const prefix = `tx-${run}-`
  return transactionId.startsWith(prefix) ? Number(transactionId.slice(prefix.length)) : undefined
}
