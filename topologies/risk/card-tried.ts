import { pattern } from 'millrace'
import type { Alert, Transaction } from './model.ts'
import { rules } from './rules.ts'

const { small, times, large, within } = rules.cardTried

export const isSmall = ({ amount }: Transaction): boolean => amount < small
export const isLarge = ({ amount }: Transaction): boolean => amount > large

/**
 * Small ones in a row, and then a large one. `consecutive`, so that somebody who buys coffee all
 * day keeps no pattern waiting; `skipPastLastEvent`, so that one theft is one alert.
 */
export const cardTried = pattern<Transaction>('card-tried')
  .begin('small', isSmall)
  .timesOrMore(times)
  .consecutive()
  .next('large', isLarge)
  .within(within)
  .skipPastLastEvent()

export const cardTriedAlert = ({
  small: { length: value },
  large: { transactionId },
}: {
  readonly small: readonly Transaction[]
  readonly large: Transaction
}): Alert => ({
  transactionId,
  reasons: [{ rule: 'card tried out', value, limit: times - 1 }],
})
