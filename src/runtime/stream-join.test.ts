import { describe, expect, test } from 'vitest'
import { json, string, topic, topology } from 'millrace'
import { seededRandom } from '../core/random.ts'
import { runChaos } from './chaos.fixtures.ts'
import { breakEach } from './crash.fixtures.ts'
import { driverScenario } from './driver-scenario.fixtures.ts'
import type { Scenario } from './scenarios.fixtures.ts'
import { START_MS, textOf, type InputRecord, type Simulation } from './simulation.fixtures.ts'

interface Event {
  readonly type: 'order' | 'payment'
  readonly number: number
}
const events = topic('events', { key: string, value: json<Event>() })
const results = topic('results', { key: string, value: json<string>() })

const pair = (order: Event | null, payment: Event | null): string =>
  `${order?.number} and ${payment?.number}`

/** Of one topic, so that it is certain in which order orders and payments come. */
const ordered = topology('shop', (builder) => {
  const { order, payment } = builder
    .stream(events)
    .split({ order: ({ type }) => type === 'order', payment: ({ type }) => type === 'payment' })
  const window = { before: '20ms', after: '40ms', grace: '30ms', emitInterval: '0ms' } as const
  order.leftJoin(payment, pair, { ...window, store: 'left' }).to(results)
  order.outerJoin(payment, pair, { ...window, store: 'outer' }).to(results)
})

const randomFrom = (seed: number) => {
  const random = seededRandom(seed)
  return (limit: number): number => Math.floor(random() * limit)
}

/** Late ones among them, some too late for the grace, and some of equal times. */
function eventsOf(size: number, waves: number): InputRecord[][] {
  const below = randomFrom(5)
  return Array.from({ length: waves }, (_, wave) =>
    Array.from({ length: size }, (__, index) => {
      const number = wave * size + index
      const type = below(2) === 0 ? 'order' : 'payment'
      const agoMs = below(10) === 0 ? below(200) : below(30)
      return {
        topic: 'events',
        key: `key-${below(6)}`,
        value: JSON.stringify({ type, number } satisfies Event),
        timestampMs: START_MS - 1_000_000 + number * 6 - (agoMs - (agoMs % 5)),
      }
    }),
  )
}

const orderedScenario = (size: number, waves: number) =>
  driverScenario({
    topology: ordered,
    inputs: ['events'],
    output: 'results',
    waves: eventsOf(size, waves),
  })

describe('records that are joined and records that wait are as if nothing had happened', async () => {
  const scenario = await orderedScenario(25, 3)

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
    await runChaos({ scenario: await orderedScenario(10, 20), seed, events: 30 })
    expect.hasAssertions()
  })
})

const orders = topic('orders', { key: string, value: json<number>() })
const payments = topic('payments', { key: string, value: json<string>() })
const joined = topic('joined', { key: string, value: json<string>() })

const WITHIN_MS = 50

/** Payments by their own ids name their order, and go through a topic. */
const twoTopics = topology('two-topics', (builder) => {
  const paid = builder.stream(payments).selectKey((order) => order)
  builder
    .stream(orders)
    .join(paid, (order, payment, { timestampMs }) => `${order} ${payment} ${timestampMs}`, {
      within: `${WITHIN_MS}ms`,
      grace: '10s',
      store: 'order-payment',
    })
    .to(joined)
})

/** Whatever comes first of two topics, and whenever: none is too late for the grace. */
function twoTopicsScenario(size: number, waves: number): Scenario {
  const below = randomFrom(9)
  const startMs = START_MS - 1_000_000
  const records = Array.from({ length: size * waves }, (_, index) => {
    const timestampMs = startMs + index * 5
    const order = `order-${below(12)}`
    return below(2) === 0
      ? { topic: 'orders', key: order, value: String(index), timestampMs }
      : { topic: 'payments', key: `payment-${index}`, value: JSON.stringify(order), timestampMs }
  })
  const expected = records
    .filter((each) => each.topic === 'orders')
    .flatMap((order) => {
      const partners = records.filter(
        ({ topic: name, value, timestampMs }) =>
          name === 'payments' &&
          value === JSON.stringify(order.key) &&
          Math.abs(timestampMs - order.timestampMs) <= WITHIN_MS,
      )
      return partners.map(
        ({ timestampMs }) =>
          `${order.value} ${order.key} ${Math.max(order.timestampMs, timestampMs)}`,
      )
    })
    .toSorted()
  const seen = (simulation: Simulation): readonly string[] =>
    simulation
      .committed('joined')
      .flat()
      .map(({ value }) => JSON.parse(textOf(value) ?? '') as string)
      .toSorted()
  return {
    topology: twoTopics,
    topics: ['orders', 'payments', 'joined'],
    waves: Array.from({ length: waves }, (_, wave) =>
      records.slice(wave * size, (wave + 1) * size),
    ),
    inputs: ['orders', 'payments', 'two-topics-order-payment-right-repartition'],
    expectExact: (simulation) => {
      expect(seen(simulation)).toEqual(expected)
    },
    expectNothingLost: (simulation) => {
      expect(new Set(seen(simulation))).toEqual(new Set(expected))
    },
  }
}

describe('a join of two topics, one through a third, gives each pair once', () => {
  const scenario = twoTopicsScenario(25, 3)

  test('when the process dies before or after any request and is started again', async () => {
    await breakEach({ scenario, successor: 'same process' }, ['dies before', 'dies after'])
  })

  test.for([1, 2, 3, 4])('in three processes, whatever goes wrong (seed %i)', async (seed) => {
    await runChaos({ scenario: twoTopicsScenario(10, 15), seed, events: 30 })
    expect.hasAssertions()
  })
})
