/** Somebody pays. Keyed by user. */
export interface Transaction {
  readonly transactionId: string
  /** In cents. */
  readonly amount: number
  readonly merchant: string
}

/** A transaction beside what its user has spent before. */
export interface Compared extends Transaction {
  readonly atMs: number
  /** The average of the last ten, in cents; null where too little is known of the user. */
  readonly usual: number | null
}

/** What was found out about a transaction. */
export interface Assessed extends Compared {
  /** Of the merchant: from 0, who is trusted, to 1. */
  readonly merchantScore: number
  /** None, most of the time. */
  readonly reasons: readonly Reason[]
}

export type Rule =
  | 'unusual amount'
  | 'risky merchant'
  | 'too much in an hour'
  | 'too often in an hour'
  | 'card tried out'

/** A rule that a transaction broke, with what it came to and what it may come to. */
export interface Reason {
  readonly rule: Rule
  readonly value: number
  readonly limit: number
}

/** Somebody should look at it. Keyed by user. */
export interface Alert {
  /** The one that broke the rules. */
  readonly transactionId: string
  readonly reasons: readonly Reason[]
}
