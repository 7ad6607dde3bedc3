/** What a user does with a card. Money is whole cents. */
export interface Transaction {
  readonly transactionId: string
  readonly cents: number
  readonly merchant: string
}

/** With what is known of the merchant, from 0 (fine) to 100 (a fraud). */
export interface ScoredTransaction extends Transaction {
  readonly merchantRisk: number
}

/** What a user spent in an hour. */
export interface HourlySpending {
  readonly transactions: number
  readonly cents: number
}

export type Reason =
  | 'above-the-usual'
  | 'risky-merchant'
  | 'spending-of-an-hour'
  | 'small-ones-before-a-large-one'
  | 'too-many-a-second'

export interface RiskAlert {
  readonly reason: Reason
  /** Of the transactions it is about; none where it is about a time. */
  readonly transactionIds: readonly string[]
  readonly detail: string
}
