import { json, string, topic, topology } from 'millrace'
import {
  FIRST_MS,
  differences,
  grouped,
  keyOf,
  losses,
  seenIn,
  type InputRecord,
  type Sequences,
  type ScenarioMaker,
} from '../scenario.ts'

const orders = topic('orders', { key: string, value: json<number>() })
const payments = topic('payments', { key: string, value: json<number>() })
const pairs = topic('pairs', { key: string, value: string })

const WITHIN_MS = 120

/** Grace enough that none is late, whichever of the two topics is read first. */
const pairing = topology('pairing', (builder) => {
  builder
    .stream(orders)
    .join(builder.stream(payments), (order, payment) => `${order}+${payment}`, {
      within: `${WITHIN_MS}ms`,
      grace: '1h',
      store: 'pairs',
    })
    .to(pairs)
})

const sorted = (sequences: Sequences): Sequences =>
  new Map([...sequences].map(([key, values]) => [key, values.toSorted()]))

export const joinedPairs: ScenarioMaker = (random, size) => {
  const records: readonly InputRecord[] = Array.from({ length: size }, (_, index) => ({
    topic: random() < 0.5 ? 'orders' : 'payments',
    key: keyOf(random),
    value: String(index),
    timestampMs: FIRST_MS + index * 10,
  }))
  const of = (name: string) => records.filter(({ topic: from }) => from === name)
  const expected = grouped(
    of('orders').flatMap((order) =>
      of('payments')
        .filter(({ key }) => key === order.key)
        .filter(({ timestampMs }) => Math.abs(timestampMs - order.timestampMs) <= WITHIN_MS)
        .map((payment) => [order.key, `${order.value}+${payment.value}`] as const),
    ),
  )
  return {
    topology: pairing,
    topics: ['orders', 'payments', 'pairs'],
    inputs: ['orders', 'payments'],
    records,
    // In which order pairs come out depends on which topic is read first.
    problems: (committed, { guarantee }) =>
      (guarantee === 'exactly-once' ? differences : losses)(
        'pairs',
        sorted(seenIn(committed, 'pairs')),
        sorted(expected),
      ),
  }
}
