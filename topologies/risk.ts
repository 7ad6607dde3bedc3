import { deadLetters, exponential, hopping, json, string, topic, topology } from 'millrace'
import { alertOf, assessAll, unpacked } from './risk/assess.ts'
import { cardTried, cardTriedAlert } from './risk/card-tried.ts'
import { checked } from './risk/check.ts'
import { passedLimits, spending } from './risk/hour.ts'
import type { Alert, Assessed, Transaction } from './risk/model.ts'
import { rules } from './risk/rules.ts'
import { compareWithUsual, lastAmounts } from './risk/usual.ts'

export const transactions = topic('transactions', { key: string, value: json<Transaction>() })
export const tooFast = topic('transactions.too-fast', { key: string, value: json<Transaction>() })
export const assessed = topic('transactions.assessed', { key: string, value: json<Assessed>() })
export const alerts = topic('risk.alerts', { key: string, value: json<Alert>() })
export const failed = deadLetters('risk.dead-letters')

export default topology('risk', { deadLetters: failed }, (builder) => {
  // Rate limit: what a robot sends is set aside. By event time, so that a replay decides the same.
  const accepted = builder
    .stream(transactions)
    .mapValues(checked, { name: 'check' })
    .rateLimit({
      ...rules.rateLimit,
      ...{ name: 'transactions-per-user', overflow: 'side-output', clock: 'event-time' },
    })
  accepted.overflow.to(tooFast)

  // State by key: each transaction beside the average of the user's last ten. Then one call for up
  // to fifty of them, which adds what is known of their merchants.
  const known = accepted
    .processValues(compareWithUsual, { name: 'compare-with-usual', stores: [lastAmounts] })
    .buffer({ name: 'to-be-assessed', by: 'partition', records: 50, time: '200ms' })
    .mapValuesAsync(assessAll, {
      name: 'assess',
      retry: { attempts: 5, backoff: exponential('100ms', '5s') },
    })
    .process(unpacked, { name: 'unpack' })
  known.to(assessed)
  known
    .filter(({ reasons }) => reasons.length > 0)
    .mapValues(alertOf)
    .to(alerts)

  // Windows: what a user spends in an hour, looked at every five minutes. Of twelve windows that
  // pass a limit together the first is told of.
  accepted
    .groupByKey()
    .windowedBy(hopping('1h', { advance: '5m', grace: '1m' }))
    .aggregate(spending, { store: { name: 'spending-per-hour', cached: false } })
    .toStream()
    .flatMap((spent, { key: { key: user } }) => passedLimits(spent).map((alert) => [user, alert]))
    .dedupe({
      by: ({ reasons }) => reasons[0]?.rule,
      ...{ within: '1h', store: 'told-per-hour', key: string },
    })
    .to(alerts)

  // Pattern: a card is tried out with small sums before a large one.
  accepted.detect(cardTried).mapValues(cardTriedAlert).to(alerts)
})
