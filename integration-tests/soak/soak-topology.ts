/** State of every kind that expires, so that a long run needs no more room than a short one. */
import { deadLetters, json, string, topic, topology, tumbling, windowed } from 'millrace'

/** Of amounts up to a hundred. */
const LARGE = 80

export interface Purchase {
  readonly id: string
  readonly amount: number
}

export const purchases = topic('soak.purchases', { key: string, value: json<Purchase>() })
export const repeated = topic('soak.repeated', { key: string, value: json<Purchase>() })
export const totals = topic('soak.totals', { key: string, value: json<number>() })
export const counts = topic('soak.counts', { key: windowed(string, '5s'), value: json<number>() })
export const unreadable = deadLetters('soak.unreadable')

export default topology('soak', { deadLetters: unreadable }, (builder) => {
  const purchase = builder.stream(purchases)
  const large = purchase
    .filter(({ amount }) => amount > LARGE)
    .dedupe({ by: ({ id }) => id, within: '10s', store: 'large-purchases' })
  large.duplicates.to(repeated)
  const byCustomer = purchase.groupByKey()
  byCustomer
    .aggregate(
      () => 0,
      ({ amount }, total) => total + amount,
      { store: 'total' },
    )
    .toStream()
    .to(totals)
  byCustomer
    .windowedBy(tumbling('5s', { grace: '1s', emit: 'on-close' }))
    .count({ store: 'purchases-in-window', retention: '1m' })
    .toStream()
    .to(counts)
})
