/** Orders and payments by key, for tests of joins. */
import type { Duration } from '../core/duration.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { TopologyBuilder } from './builder.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

export interface Order {
  readonly customer: string
  readonly amount: number
}
export interface Payment {
  readonly paid: number
}
export const orders = topic('orders', { key: string, value: json<Order>() })
export const payments = topic('payments', { key: string, value: json<Payment>() })
export const output = topic('output', { key: string, value: json<string>() })

export const order = (amount: number): Order => ({ customer: 'ann', amount })
export const pair = (first: Order | null, second: Payment | null): string =>
  `${first?.amount ?? 'no order'}, ${second?.paid ?? 'no payment'}`

export const minutes = { within: '5m', grace: '1m', store: 'order-payment' } as const

export const driverOf = (build: (builder: TopologyBuilder) => void, options = {}) =>
  new TopologyTestDriver(topology('shop', options, build))

export type Sent = readonly [
  what: 'order' | 'payment',
  key: string | null,
  amount: number,
  at: Duration,
]

/** Times are since the epoch. */
export async function send(driver: TopologyTestDriver, ...records: readonly Sent[]): Promise<void> {
  for (const [what, key, amount, at] of records) {
    const timestampMs = Number(/^\d+/.exec(at)?.[0]) * (at.endsWith('ms') ? 1 : 1_000)
    if (what === 'order') await driver.input(orders).send(key, order(amount), { timestampMs })
    else await driver.input(payments).send(key, { paid: amount }, { timestampMs })
  }
}

export const results = (driver: TopologyTestDriver) =>
  driver
    .output(output)
    .records()
    .map(({ key, value, timestampMs }) => [key, value, timestampMs / 1_000])
