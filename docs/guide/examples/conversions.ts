import { deadLetters, exponential, json, string, topic, topology } from 'millrace'

export interface Payment {
  readonly currency: string
  readonly amount: number
}

export const payments = topic('payments', { key: string, value: json<Payment>() })
export const inEuros = topic('payments.in-euros', { key: string, value: json<number>() })

/** Euros for one of each; somebody else in this process asks the bank for them now and then. */
export const rates = new Map([['EUR', 1]])

export class RateUnknown extends Error {}

function toEuros({ currency, amount }: Payment): number {
  if (!Number.isFinite(amount)) throw new RangeError(`no amount: ${amount}`)
  const rate = rates.get(currency)
  if (rate === undefined) throw new RateUnknown(`no rate of ${currency} yet`)
  return amount * rate
}

export default topology(
  'conversions',
  { deadLetters: deadLetters('conversions.dead-letters') },
  (builder) => {
    builder
      .stream(payments)
      .mapValues(toEuros, {
        name: 'to-euros',
        retry: {
          attempts: 5,
          backoff: exponential('1s', '30s'),
          when: (error) => error instanceof RateUnknown,
        },
      })
      .to(inEuros)
  },
)
