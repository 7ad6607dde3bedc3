/** Prices and orders of one topic, so that it is certain in which order they come. */
import { json, string, topic, topology, versionedStore } from 'millrace'

export interface Event {
  readonly type: 'price' | 'order'
  /** Null: there is no price any more. */
  readonly amount: number | null
}

export const events = topic('versioned.events', { key: string, value: json<Event>() })
export const results = topic('versioned.results', {
  key: string,
  value: json<number | string | null>(),
})

export default topology('versioned', (builder) => {
  const amounts = builder
    .stream(events)
    .split({ prices: ({ type }) => type === 'price', orders: ({ type }) => type === 'order' })
  const prices = amounts.prices
    .mapValues(({ amount }) => amount)
    .toTable({
      store: versionedStore('prices', { key: string, value: json<number>(), history: '1m' }),
    })
  const orders = amounts.orders.mapValues(({ amount }) => amount)
  prices.toStream().to(results)
  orders.leftJoin(prices, (amount, price) => `${amount} at ${price}`).to(results)
  orders
    .leftJoin(prices, (amount, price) => `${amount} finally at ${price}`, {
      grace: '20s',
      store: 'waiting',
    })
    .to(results)
})
