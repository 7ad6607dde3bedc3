import {
  aggregatorOf,
  allOf,
  averageOf,
  countOf,
  json,
  lastOf,
  string,
  sumOf,
  topic,
  topology,
} from 'millrace'

export interface Payment {
  readonly cents: number
  readonly country: string
}
export interface Visit {
  readonly page: string
}

export const payments = topic('payments', { key: string, value: json<Payment>() })
export const visits = topic('visits', { key: string, value: json<Visit>() })
export const unusual = topic('payments.unusual', { key: string, value: json<Payment>() })
export const totals = topic('customers.totals', {
  key: string,
  value: json<{ payments: number; cents: number; country: string | null } | null>(),
})
export const spreads = topic('customers.spreads', { key: string, value: json<number | null>() })
export const interests = topic('customers.interests', {
  key: string,
  value: json<Interest | null>(),
})

interface Interest {
  readonly pages: number
  readonly cents: number
}

/** The largest payment less the smallest. */
const spread = aggregatorOf({
  initial: () => ({ least: Infinity, most: 0 }),
  add: ({ cents }: Payment, { least, most }) => ({
    least: Math.min(least, cents),
    most: Math.max(most, cents),
  }),
  merge: (earlier, later) => ({
    least: Math.min(earlier.least, later.least),
    most: Math.max(earlier.most, later.most),
  }),
  result: ({ least, most }) => most - least,
})

export default topology('spending', (builder) => {
  const paid = builder.stream(payments)
  const byCustomer = paid.groupByKey()

  const usual = byCustomer.aggregate(
    averageOf((payment) => payment.cents, { last: 10 }),
    { store: 'usual-payment' },
  )
  paid
    .join(usual, (payment, cents) => ({ payment, isUnusual: payment.cents > 3 * cents }))
    .filter(({ isUnusual }) => isUnusual)
    .mapValues(({ payment }) => payment)
    .to(unusual)

  byCustomer
    .aggregate(
      allOf({
        payments: countOf(),
        cents: sumOf((payment) => payment.cents),
        country: lastOf((payment) => payment.country),
      }),
      { store: 'customer-totals' },
    )
    .toStream()
    .to(totals)

  byCustomer.aggregate(spread, { store: 'customer-spreads' }).toStream().to(spreads)

  byCustomer
    .cogroup<Interest>(({ cents }, interest) => ({ ...interest, cents: interest.cents + cents }))
    .cogroup(builder.stream(visits).groupByKey(), (_, interest) => ({
      ...interest,
      pages: interest.pages + 1,
    }))
    .aggregate(() => ({ pages: 0, cents: 0 }), { store: 'customer-interests' })
    .toStream()
    .to(interests)
})
