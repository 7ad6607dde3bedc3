import { allOf, countOf, lastOf, sumOf } from 'millrace'
import type { Alert, Reason, Transaction } from './model.ts'
import { rules } from './rules.ts'

/** What a user spends in an hour. */
export interface Spending {
  readonly count: number
  readonly amount: number
  /** The latest transaction in it. */
  readonly latest: string | null
}

export const spending = allOf({
  count: countOf<Transaction>(),
  amount: sumOf(({ amount }: Transaction) => amount),
  latest: lastOf(({ transactionId }: Transaction) => transactionId),
})

/** An alert for each limit that was passed. */
export function passedLimits(spent: Spending | null): readonly Alert[] {
  if (spent === null) return []
  const { count, amount, latest } = spent
  const reasons: readonly Reason[] = [
    { rule: 'too much in an hour', value: amount, limit: rules.hour.amount },
    { rule: 'too often in an hour', value: count, limit: rules.hour.count },
  ]
  return reasons
    .filter(({ value, limit }) => value > limit)
    .map((reason) => ({ transactionId: latest ?? '', reasons: [reason] }))
}
