import { pattern } from 'millrace'
import type { HourlySpending, RiskAlert, ScoredTransaction, Transaction } from './model.ts'

/** How many transactions a user's usual amount is the average of. */
export const USUAL_OF_LAST = 10
/** An average of fewer says little. */
const USUAL_AT_LEAST = 5
const TIMES_THE_USUAL = 3
const HOUR_CENTS_MAX = 500_000
const HOUR_TRANSACTIONS_MAX = 60
const MERCHANT_RISK_MAX = 80
const SMALL_CENTS = 500
const LARGE_CENTS = 50_000

/** What cannot be a transaction is set aside: whoever sent it has to look. */
export function checked(transaction: Transaction): Transaction {
  const { transactionId, cents, merchant } = transaction
  if (typeof transactionId !== 'string' || typeof merchant !== 'string') {
    throw new TypeError('a transaction has an id and a merchant')
  }
  if (!Number.isSafeInteger(cents) || cents <= 0) {
    throw new RangeError(`${cents} cents are no amount`)
  }
  return transaction
}

export interface Usual {
  /** How many transactions the user has made. */
  readonly count: number
  /** Of the last {@link USUAL_OF_LAST}, this one among them. */
  readonly average: number | null
  readonly latest: Transaction | null
}

export function aboveTheUsual({ count, average, latest }: Usual): readonly RiskAlert[] {
  if (latest === null || average === null || count < USUAL_AT_LEAST) return []
  if (latest.cents <= TIMES_THE_USUAL * average) return []
  const detail = `${latest.cents} cents, where ${Math.round(average)} are usual`
  return [{ reason: 'above-the-usual', transactionIds: [latest.transactionId], detail }]
}

export function tooMuchInAnHour(hour: HourlySpending): readonly RiskAlert[] {
  const { cents, transactions } = hour
  if (cents <= HOUR_CENTS_MAX && transactions <= HOUR_TRANSACTIONS_MAX) return []
  const detail = `${cents} cents in ${transactions} transactions`
  return [{ reason: 'spending-of-an-hour', transactionIds: [], detail }]
}

export function riskyMerchant(transaction: ScoredTransaction): readonly RiskAlert[] {
  const { merchant, merchantRisk, transactionId } = transaction
  if (merchantRisk <= MERCHANT_RISK_MAX) return []
  const detail = `${merchant} has a risk of ${merchantRisk}`
  return [{ reason: 'risky-merchant', transactionIds: [transactionId], detail }]
}

/** Whoever has stolen a card tries it with small amounts first. */
export const cardTried = pattern<Transaction>('card-tried')
  .begin('small', ({ cents }) => cents <= SMALL_CENTS)
  .timesOrMore(3)
  .followedBy('large', ({ cents }) => cents >= LARGE_CENTS)
  .within('10m')
  .skipPastLastEvent()
