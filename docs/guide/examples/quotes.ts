import { json, keyValueStore, string, topic, topology } from 'millrace'

export interface Trade {
  readonly symbol: string
  readonly shares: number
}

export const quotes = topic('quotes', { key: string, value: json<number>() })
export const trades = topic('trades', { key: string, value: json<Trade>() })
export const traded = topic('traded', { key: string, value: json<number>() })

// A few thousand rows that change all the time, and are read back in a moment.
const latest = keyValueStore('latest-quotes', {
  key: string,
  value: json<number>(),
  backend: 'memory',
})

// A row for everybody who has ever traded: on the disk, which is what is there by default.
const perTrader = keyValueStore('traded-by-trader', { key: string, value: json<number>() })

export default topology('quotes', (builder) => {
  const prices = builder.table(quotes, { store: latest })
  builder
    .stream(trades)
    .map(({ symbol, shares }, { key: trader }) => [symbol, { trader, shares }] as const)
    .join(prices, ({ trader, shares }, price) => ({ trader, cents: shares * price }), {
      name: 'trades-by-symbol',
    })
    .groupBy(({ trader }) => trader, { name: 'by-trader' })
    .aggregate(
      () => 0,
      ({ cents }, total) => total + cents,
      { store: perTrader },
    )
    .toStream()
    .to(traded)
})
