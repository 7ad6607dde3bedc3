import {
  allOf,
  averageOf,
  countOf,
  deadLetters,
  exponential,
  hopping,
  json,
  keyValueStore,
  lastOf,
  string,
  sumOf,
  topic,
  topology,
} from 'millrace'
import { merchantRisks } from './risk/merchant-risks.ts'
import type { HourlySpending, RiskAlert, ScoredTransaction, Transaction } from './risk/model.ts'
import {
  aboveTheUsual,
  cardTried,
  checked,
  riskyMerchant,
  tooMuchInAnHour,
  USUAL_OF_LAST,
  type Usual,
} from './risk/rules.ts'

/** By user, as everything here. */
export const transactions = topic('transactions', { key: string, value: json<Transaction>() })
export const scored = topic('transactions.scored', {
  key: string,
  value: json<ScoredTransaction>(),
})
export const spending = topic('risk.spending', { key: string, value: json<HourlySpending>() })
export const alerts = topic('risk.alerts', { key: string, value: json<RiskAlert>() })
export const failed = deadLetters('risk.dead-letters')

export default topology('risk', { deadLetters: failed }, (builder) => {
  // Bad transactions, and those that cannot be read, go to the dead letters.
  const all = builder.stream(transactions).mapValues(checked, { name: 'check' })

  // No user makes a hundred a second: what is beyond that is told, and looked at no further.
  const within = all.rateLimit({
    name: 'user-limit',
    records: 100,
    per: '1s',
    clock: 'event-time',
    overflow: 'side-output',
  })
  within.overflow
    .mapValues(({ transactionId }): RiskAlert => ({
      reason: 'too-many-a-second',
      transactionIds: [transactionId],
      detail: 'more than 100 transactions in a second',
    }))
    .to(alerts)

  // Each transaction against the average of the user's last ten.
  const usual = keyValueStore('usual', { key: string, value: json<unknown>(), cached: false })
  within
    .groupByKey()
    .aggregate(
      allOf({
        count: countOf(),
        average: averageOf(({ cents }: Transaction) => cents, { last: USUAL_OF_LAST }),
        latest: lastOf((transaction: Transaction) => transaction),
      }),
      { store: usual },
    )
    .toStream()
    .flatMapValues((user) => aboveTheUsual(user as Usual))
    .to(alerts)

  // What a user spends in an hour, looked at every five minutes.
  const hours = within
    .groupByKey()
    .windowedBy(hopping('1h', { advance: '5m', grace: '1m', emit: 'on-close' }))
    .aggregate(
      allOf({ transactions: countOf(), cents: sumOf(({ cents }: Transaction) => cents) }),
      // For a day, so that none is lost when nobody pays for hours.
      { store: 'spending-by-hour', retention: '1d' },
    )
    .toStream()
    .flatMap((hour, { key }) => (hour === null ? [] : [[key.key, hour] as const]))
  hours.to(spending)
  hours.flatMapValues(tooMuchInAnHour).to(alerts)

  // Merchants are asked about fifty at a time.
  const withRisk = within
    .buffer({ name: 'merchant-batch', records: 50, time: '200ms', by: 'partition' })
    .mapValuesAsync(merchantRisks, {
      name: 'merchant-risks',
      key: string,
      retry: { attempts: 5, backoff: exponential('100ms', '10s') },
    })
    .flatMap((batch) => batch.map(({ key, value }) => [key, value] as const))
  withRisk.to(scored)
  withRisk.flatMapValues(riskyMerchant).to(alerts)

  // Small amounts, then a large one.
  within
    .detect(cardTried)
    .mapValues(({ small, large }): RiskAlert => ({
      reason: 'small-ones-before-a-large-one',
      transactionIds: [...small, large].map(({ transactionId }) => transactionId),
      detail: `${large.cents} cents after ${small.length} small ones`,
    }))
    .to(alerts)
})
