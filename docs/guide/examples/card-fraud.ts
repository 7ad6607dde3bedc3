import { json, pattern, string, topic, topology } from 'millrace'

export interface Payment {
  readonly amount: number
  readonly shop: string
}

export interface Alert {
  readonly tried: number
  readonly amount: number
  readonly shop: string
}

export const payments = topic('payments', { key: string, value: json<Payment>() })
export const alerts = topic('payments.alerts', { key: string, value: json<Alert>() })
export const nearMisses = topic('payments.near-misses', { key: string, value: json<number>() })

/** Whoever has stolen a card tries it with small sums before a large one. */
const cardTried = pattern<Payment>('card-tried')
  .begin('tries', (payment) => payment.amount < 5)
  .timesOrMore(3)
  .consecutive()
  .next('large', (payment, { tries }) => {
    const sum = tries.reduce((total, { amount }) => total + amount, 0)
    return payment.amount > 20 * sum
  })
  .within('10m')
  .skipPastLastEvent()

export default topology('card-fraud', (builder) => {
  const found = builder.stream(payments).detect(cardTried, { outOfOrderness: '15s' })

  found.mapValues(({ tries, large }) => ({ ...large, tried: tries.length })).to(alerts)
  found.timedOut
    .filter(({ tries = [] }) => tries.length >= 3)
    .mapValues(({ tries = [] }) => tries.length)
    .to(nearMisses)
})
