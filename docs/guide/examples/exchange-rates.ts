import { json, string, topic, topology, versionedStore, type FixedKeyProcessor } from 'millrace'

export interface Sale {
  readonly currency: string
  readonly amount: number
}

export interface Invoice extends Sale {
  readonly euros: number
}

export const rates = topic('rates', { key: string, value: json<number>() })
export const sales = topic('sales', { key: string, value: json<Sale>() })
export const quotes = topic('quotes', { key: string, value: json<Invoice>() })
export const invoices = topic('invoices', { key: string, value: json<Invoice>() })
export const questions = topic('questions', {
  key: string,
  value: json<{ readonly asOfMs: number }>(),
})
export const answers = topic('answers', { key: string, value: json<number | null>() })

const rateHistory = versionedStore('rates', { key: string, value: json<number>(), history: '1d' })

const convert = (sale: Sale, rate: number): Invoice => ({ ...sale, euros: sale.amount * rate })

/** What the rate of a currency was at a time that somebody asks about. */
const rateAsOf: FixedKeyProcessor<string, { readonly asOfMs: number }, number | null> = {
  process: ({ key, value }, { versionedStore: versions, forward }) => {
    const rate = versions<string, number>('rates').get(key, value.asOfMs)
    forward({ value: rate ?? null })
  },
}

export default topology('exchange-rates', (builder) => {
  const rate = builder.table(rates, { store: rateHistory })
  const byCurrency = builder
    .stream(sales)
    .selectKey((sale) => sale.currency)
    .repartition({ name: 'sales-by-currency' })

  // At once, with the rate that held at the time of the sale, as far as it is known by then.
  byCurrency.join(rate, convert).to(quotes)

  // A minute later, in stream time: rates that came late are known then.
  byCurrency.join(rate, convert, { grace: '1m', store: 'sales-waiting' }).to(invoices)

  builder
    .stream(questions)
    .processValues(rateAsOf, { name: 'rate-as-of', stores: [rateHistory] })
    .to(answers)
})
