/** Everything that a risk officer may want to change, in one place. Amounts are in cents. */
export const rules = {
  /** Of each user. */
  rateLimit: { records: 100, per: '1s' },
  /** An amount is unusual above so many times the average of the user's last ones. */
  unusual: { times: 3, last: 10, atLeast: 5 },
  /** Sums of an hour, looked at every five minutes. */
  hour: { amount: 200_000, count: 50 },
  /** A card that was stolen is tried with small sums before a large one. */
  cardTried: { small: 500, times: 3, large: 50_000, within: '10m' },
  merchant: { score: 0.9, amount: 5_000 },
} as const
