/** Small topologies with their input and what it must come to, for tests that break things. */
import { expect } from 'vitest'
import { deadLetters, json, string, topic, topology, type Topology } from 'millrace'
import { commands, events, failed, refused } from '../../topologies/orders.ts'
import { orderDecider } from '../../topologies/orders/decider.ts'
import type { Order, OrderCommand } from '../../topologies/orders/model.ts'
import { headerText, type RawRecord } from '../core/record.ts'
import { partitionForKey } from '../kafka/wire/murmur2.ts'
import { isRejected } from '../operators/decide.ts'
import {
  bytesOf,
  START_MS,
  textOf,
  type InputRecord,
  type Simulation,
} from './simulation.fixtures.ts'

export const PARTITIONS = 2

export interface Scenario {
  readonly topology: Topology
  readonly topics: readonly string[]
  /** Written before anything starts. */
  readonly before?: readonly InputRecord[]
  /** Written one after the other, each when the one before is committed. */
  readonly waves: readonly (readonly InputRecord[])[]
  /** What the group commits offsets of. */
  readonly inputs: readonly string[]
  /** What has to be there before all is done, beyond the offsets of the input. */
  readonly isSettled?: (simulation: Simulation) => boolean
  /**
   * Fails where what is committed in Kafka is not what the input comes to. With a cache, updates of
   * a key may be left out, but for the last one.
   */
  readonly expectExact: (simulation: Simulation, isCached?: boolean) => void
  /** Fails where an input record shows nowhere in what is committed. */
  readonly expectNothingLost: (simulation: Simulation) => void
}

type Pair = readonly [key: string | null, value: string | null]

const pairs = (records: readonly (readonly RawRecord[])[]): readonly (readonly Pair[])[] =>
  records.map((partition) => partition.map(({ key, value }) => [textOf(key), textOf(value)]))

const byPartition = (outputs: readonly Pair[]): readonly (readonly Pair[])[] =>
  Array.from({ length: PARTITIONS }, (_, partition) =>
    outputs.filter(([key]) => partitionForKey(bytesOf(key ?? ''), PARTITIONS) === partition),
  )

const inWaves = (records: readonly InputRecord[], waves: number): InputRecord[][] => {
  const size = Math.ceil(records.length / waves)
  return Array.from({ length: waves }, (_, wave) => records.slice(wave * size, (wave + 1) * size))
}

export interface ScenarioSize {
  /** Orders or lines of text. */
  readonly items: number
  readonly waves: number
}

function command(key: string, value: OrderCommand | string, index: number): InputRecord {
  return {
    topic: 'orders.commands',
    key,
    value: typeof value === 'string' ? value : JSON.stringify(value),
    timestampMs: START_MS - 1_000_000 + index,
  }
}

/** One after the other the orders take a step. */
function orderCommands(orderCount: number): readonly InputRecord[] {
  const lives = Array.from({ length: orderCount }, (_, nth) => {
    const id = `order-${nth}`
    const place: OrderCommand = {
      type: 'PlaceOrder',
      commandId: `${id}/1`,
      customer: 'Ada',
      lines: [{ sku: 'tea', quantity: nth + 1, price: 650 }],
    }
    const life: readonly (readonly [string, OrderCommand | string])[] = [
      [id, place],
      [id, place],
      [id, '{"type":"PlaceOrder","lines":['],
      [id, { type: 'CancelOrder', commandId: `${id}/2`, why: 'changed my mind' }],
      [`${id}-of-nobody`, { type: 'ShipOrder', commandId: `${id}/3`, carrier: 'red-van' }],
    ]
    return life
  })
  return [0, 1, 2, 3, 4]
    .flatMap((step) => lives.flatMap((life) => life.slice(step, step + 1)))
    .map(([id, value], index) => command(id, value, index))
}

interface OrdersOutcome {
  readonly events: readonly Pair[]
  readonly refused: readonly Pair[]
  readonly deadLetters: readonly Pair[]
  readonly states: ReadonlyMap<string, Order>
}

/** The rules of an order applied in memory, one command after the other. */
function ordersOutcome(commands: readonly InputRecord[]): OrdersOutcome {
  const events: Pair[] = []
  const refused: Pair[] = []
  const dead: Pair[] = []
  const states = new Map<string, Order>()
  for (const { key, value } of commands) {
    const id = key ?? ''
    let read: OrderCommand
    try {
      read = JSON.parse(value ?? '') as OrderCommand
    } catch {
      dead.push([id, value])
      continue
    }
    const before = states.get(id) ?? orderDecider.initialState
    const outcome = orderDecider.decide(read, before, {} as never)
    if (isRejected<string>(outcome)) {
      refused.push([id, JSON.stringify({ command: read, reason: outcome.reason })])
    } else {
      for (const event of [outcome].flat()) {
        events.push([id, JSON.stringify(event)])
        states.set(id, orderDecider.evolve(states.get(id) ?? before, event))
      }
    }
  }
  return { events, refused, deadLetters: dead, states }
}

const parsed = (rows: Readonly<Record<string, string>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(rows).map(([key, value]) => [key, JSON.parse(value) as unknown]),
  )

/** The core of the case study: what it does besides has tests of its own. */
const orders = topology('orders', { deadLetters: failed }, (builder) => {
  const order = builder.stream(commands).decide(orderDecider, { store: 'order' })
  order.events.to(events)
  order.rejected.to(refused)
})

/** Event sourcing with refusals and dead letters, in one sub-topology. */
export function ordersScenario({ items, waves }: ScenarioSize): Scenario {
  const input = orderCommands(items)
  const expected = ordersOutcome(input)
  const seen = (simulation: Simulation): unknown => ({
    events: pairs(simulation.committed('orders.events')),
    refused: pairs(simulation.committed('orders.refused')),
    deadLetters: pairs(simulation.committed('orders.dead-letters')),
    states: parsed(simulation.folded('orders-order-changelog')),
  })
  return {
    topology: orders,
    topics: [commands, events, refused, failed].map(({ name }) => name),
    waves: inWaves(input, waves),
    inputs: ['orders.commands'],
    expectExact: (simulation) => {
      expect(seen(simulation)).toEqual({
        events: byPartition(expected.events),
        refused: byPartition(expected.refused),
        deadLetters: byPartition(expected.deadLetters),
        states: Object.fromEntries(expected.states),
      })
    },
    expectNothingLost: (simulation) => {
      expect(parsed(simulation.folded('orders-order-changelog'))).toEqual(
        Object.fromEntries(expected.states),
      )
      for (const [topicName, outputs] of [
        ['orders.events', expected.events],
        ['orders.dead-letters', expected.deadLetters],
      ] as const) {
        expect(pairs(simulation.committed(topicName)).flat()).toEqual(
          expect.arrayContaining([...outputs]),
        )
      }
      const answered = simulation.committed('orders.refused').flat().length
      expect(answered).toBeGreaterThanOrEqual(expected.refused.length)
    },
  }
}

const texts = topic('texts', { key: string, value: string })
const totals = topic('totals', { key: string, value: json<number>() })

const wordCount = topology(
  'word-count',
  { deadLetters: deadLetters('word-count.dead-letters') },
  (builder) => {
    builder
      .stream(texts)
      .flatMapValues((text) => text.split(' '))
      .selectKey((word) => {
        if (word === 'poison') throw new Error('no such word')
        return word
      })
      .groupByKey()
      .count({ store: 'counts' })
      .toStream()
      .to(totals)
  },
)

const sentences = [
  'to be or not to be',
  'poison',
  'that is the question',
  'whether tis nobler in the mind to suffer',
  'poison',
  'to die to sleep no more',
  'to sleep perchance to dream',
  'ay there is the rub',
]

/** Two sub-topologies with a repartition topic between them. */
export function wordCountScenario({ items, waves }: ScenarioSize): Scenario {
  const lines = Array.from(
    { length: items },
    (_, index) => sentences[index % sentences.length] ?? '',
  )
  const records = lines.map((value, index) => ({
    topic: 'texts',
    key: `line-${index}`,
    value,
    timestampMs: START_MS - 1_000_000 + index,
  }))
  const words = lines.filter((each) => each !== 'poison').flatMap((each) => each.split(' '))
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  const expected = Object.fromEntries(counts)
  const poisoned = lines.filter((each) => each === 'poison').map(() => 'poison texts')
  const dead = (simulation: Simulation): readonly string[] =>
    simulation
      .committed('word-count.dead-letters')
      .flat()
      .map(
        ({ value, headers }) => `${textOf(value)} ${headerText(headers, '__streams.errors.topic')}`,
      )
  /** Every value of each word, in order. */
  const updates = (simulation: Simulation): ReadonlyMap<string, readonly number[]> => {
    const found = new Map<string, number[]>()
    for (const { key, value } of simulation.committed('totals').flat()) {
      const word = textOf(key) ?? ''
      found.set(word, [...(found.get(word) ?? []), Number(textOf(value))])
    }
    return found
  }
  const fold = (simulation: Simulation): unknown =>
    parsed(simulation.folded('word-count-counts-changelog'))
  return {
    topology: wordCount,
    topics: ['texts', 'totals', 'word-count.dead-letters'],
    waves: inWaves(records, waves),
    inputs: ['texts', 'word-count-counts-repartition'],
    expectExact: (simulation, isCached = false) => {
      expect(fold(simulation)).toEqual(expected)
      const every = new Map(
        [...counts].map(([word, count]) => [word, Array.from({ length: count }, (_, n) => n + 1)]),
      )
      const seen = updates(simulation)
      if (isCached) {
        for (const [word, values] of seen) {
          const known = new Set(values)
          expect(values).toEqual(every.get(word)?.filter((value) => known.has(value)))
          expect(values.at(-1)).toBe(counts.get(word))
        }
      } else {
        expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(every))
      }
      expect(dead(simulation)).toEqual(poisoned)
    },
    expectNothingLost: (simulation) => {
      const last = fold(simulation) as Record<string, number>
      for (const [word, count] of counts) expect(last[word]).toBeGreaterThanOrEqual(count)
      expect(dead(simulation).length).toBeGreaterThanOrEqual(poisoned.length)
    },
  }
}
