import { json, keyValueStore, string, topic, topology, type FixedKeyProcessor } from 'millrace'

export interface Purchase {
  readonly sku: string
}

export const purchases = topic('purchases', { key: string, value: json<Purchase>() })
export const firsts = topic('purchases.first', { key: string, value: json<Purchase>() })

const known = keyValueStore('known-customers', { key: string, value: json<true>() })

/** Lets the first purchase of each customer through. */
const firstOnly: FixedKeyProcessor<string, Purchase, Purchase> = {
  process: ({ key, value }, { store, forward }) => {
    const before = store<string, true>('known-customers').putIfAbsent(key, true)
    if (before === undefined) forward({ value })
  },
}

export default topology('first-purchases', (builder) => {
  builder
    .stream(purchases)
    .processValues(firstOnly, { name: 'first-only', stores: [known] })
    .to(firsts)
})
