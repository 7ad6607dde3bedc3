import { describe, expect, test } from 'vitest'
import { json, string, topic, topology, versionedStore } from 'millrace'
import { seededRandom } from '../core/random.ts'
import { runChaos } from './chaos.fixtures.ts'
import { breakEach } from './crash.fixtures.ts'
import { driverScenario } from './driver-scenario.fixtures.ts'
import { START_MS, type InputRecord } from './simulation.fixtures.ts'

interface Event {
  readonly type: 'price' | 'order'
  /** Null: there is no price any more. */
  readonly amount: number | null
}
const events = topic('events', { key: string, value: json<Event>() })
const results = topic('results', { key: string, value: json<number | string | null>() })

/** Of one topic, so that it is certain in which order prices and orders come. */
const shop = topology('shop', (builder) => {
  const amounts = builder
    .stream(events)
    .split({ prices: ({ type }) => type === 'price', orders: ({ type }) => type === 'order' })
  const prices = amounts.prices
    .mapValues(({ amount }) => amount)
    .toTable({
      store: versionedStore('prices', { key: string, value: json<number>(), history: '100ms' }),
    })
  const orders = amounts.orders.mapValues(({ amount }) => amount)
  prices.toStream().to(results)
  orders.leftJoin(prices, (amount, price) => `${amount} at ${price}`).to(results)
  orders
    .leftJoin(prices, (amount, price) => `${amount} finally at ${price}`, {
      grace: '40ms',
      store: 'waiting',
    })
    .to(results)
})

/** Late ones among them, some too late for the history, and some of equal times. */
function inputOf(size: number, waves: number): InputRecord[][] {
  const random = seededRandom(11)
  const below = (limit: number): number => Math.floor(random() * limit)
  return Array.from({ length: waves }, (_, wave) =>
    Array.from({ length: size }, (__, index) => {
      const type = below(2) === 0 ? 'price' : 'order'
      const amount = type === 'price' && below(4) === 0 ? null : below(100)
      const agoMs = below(10) === 0 ? below(200) : below(60)
      return {
        topic: 'events',
        key: `key-${below(6)}`,
        value: JSON.stringify({ type, amount } satisfies Event),
        timestampMs: START_MS - 1_000_000 + (wave * size + index) * 4 - (agoMs - (agoMs % 5)),
      }
    }),
  )
}

const scenarioOf = (size: number, waves: number) =>
  driverScenario({
    topology: shop,
    inputs: ['events'],
    output: 'results',
    waves: inputOf(size, waves),
  })

describe('versions and records that wait are as if nothing had happened', async () => {
  const scenario = await scenarioOf(25, 3)

  test('when the process dies before or after any request and is started again', async () => {
    await breakEach({ scenario, successor: 'same process' }, ['dies before', 'dies after'])
  })

  test('when it dies and another process, with nothing on its disk, takes over', async () => {
    const life = { cacheMaxBytes: 1_000_000 }
    await breakEach({ scenario, life, successor: 'other process' }, ['dies before', 'dies after'])
  })

  test('when any request is lost, answered in vain, refused, or comes late', async () => {
    await breakEach({ scenario, successor: 'same process' }, [
      'reply lost',
      'request lost',
      'refused',
      'delivered late',
    ])
  })

  test.for([1, 2, 3, 4])('in three processes, whatever goes wrong (seed %i)', async (seed) => {
    await runChaos({ scenario: await scenarioOf(10, 20), seed, events: 30 })
    expect.hasAssertions()
  })
})
