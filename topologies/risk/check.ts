import type { Transaction } from './model.ts'

/** What is no transaction is a dead letter, and stays out of every sum. */
export function checked(transaction: Transaction): Transaction {
  const { transactionId, amount, merchant } = transaction
  if (!Number.isSafeInteger(amount) || amount <= 0) {
    throw new RangeError(`transaction ${transactionId} has no amount: ${JSON.stringify(amount)}`)
  }
  if (typeof merchant !== 'string') throw new TypeError(`${transactionId} names no merchant`)
  return transaction
}
