import { describe, expect, expectTypeOf, test } from 'vitest'
import { isStreamsError } from '../core/errors.ts'
import { reject, type Decider, type Rejection } from '../operators/decide.ts'
import { json } from '../serde/json.ts'
import { int32 } from '../serde/number.ts'
import { string } from '../serde/string.ts'
import { keyValueStore } from '../topology/key-value-store.ts'
import type { Processor } from '../topology/processor.ts'
import { versionedStore } from '../topology/versioned-store.ts'
import { topicLabel } from '../topology/topic-label.ts'
import type { Topology } from '../topology/topology.ts'
import type { TopologyBuilder } from './builder.ts'
import { sideOutput } from './side-output.ts'
import type { Stream } from './stream.ts'
import type { Table } from './table.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

interface Placed {
  readonly type: 'placed'
  readonly customer: string
  readonly amount: number
}
interface Cancelled {
  readonly type: 'cancelled'
  readonly reason: string
}
type OrderEvent = Placed | Cancelled

const events = topic('orders', { key: string, value: json<OrderEvent>() })
const placed = topic('placed', { key: string, value: json<Placed>() })
const totals = topic('totals', { key: string, value: json<number>() })
const byYear = topic('by-year', { key: int32, value: json<number>() })

const isPlaced = (event: OrderEvent): event is Placed => event.type === 'placed'

/** The names of the topics that are written, to see that a line which must not compile did run. */
function sinksOf(build: (builder: TopologyBuilder) => void): string[] {
  const built: Topology = topology('types', build)
  return built.subTopologies
    .flatMap(({ nodes }) => nodes)
    .flatMap((node) =>
      node.kind === 'sink' && typeof node.target === 'object'
        ? [topicLabel(node.target.topic)]
        : [],
    )
}

function codeOf(action: () => void): string | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    return isStreamsError(error) ? error.code : 'another error'
  }
}

describe('the compiler refuses', () => {
  test('a sink topic of another type', () => {
    const sinks = sinksOf((builder) => {
      // @ts-expect-error -- the topic takes numbers
      builder.stream(events).to(totals)
      // @ts-expect-error -- the function chooses a topic that takes numbers
      builder.stream(events).to(() => totals)
      // @ts-expect-error -- the topic has numbers as keys
      builder.stream(totals).to(byYear)
    })
    expect(sinks).toEqual(['totals', 'by-year'])
  })

  test('a missing filter before a narrower function', () => {
    const amountOf = (event: Placed): number => event.amount
    const sinks = sinksOf((builder) => {
      // @ts-expect-error -- a cancelled order has no amount
      builder.stream(events).mapValues(amountOf).to(totals)
      builder.stream(events).filter(isPlaced).mapValues(amountOf).to(totals)
    })
    expect(sinks).toEqual(['totals', 'totals'])
  })

  test('an unnamed store', () => {
    const unnamed: ((builder: TopologyBuilder) => void)[] = [
      // @ts-expect-error -- no options
      (builder) => builder.stream(events).groupByKey().count(),
      // @ts-expect-error -- no store
      (builder) => builder.stream(events).groupByKey().count({}),
      // @ts-expect-error -- no options
      (builder) => builder.table(events),
      // @ts-expect-error -- no store
      (builder) => builder.stream(events).toTable({}),
    ]
    for (const build of unnamed) {
      expect(codeOf(() => topology('types', build))).toBe('INVALID_TOPOLOGY')
    }
  })

  test('a grace without a store, and a store without a grace', () => {
    const store = versionedStore('events', {
      key: string,
      value: json<OrderEvent>(),
      history: '1h',
    })
    const build = (builder: TopologyBuilder): void => {
      const table = builder.table(events, { store })
      const amounts = builder.stream(totals)
      // @ts-expect-error -- where does a record wait?
      amounts.join(table, () => 1, { grace: '1s' })
    }
    expect(codeOf(() => topology('types', build))).toBe('INVALID_TOPOLOGY')
    const sinks = sinksOf((builder) => {
      const table = builder.table(events, { store })
      const amounts = builder.stream(totals)
      // @ts-expect-error -- for what?
      const joined = amounts.join(table, () => 1, { store: 'waiting' })
      joined.to(totals)
    })
    expect(sinks).toEqual(['totals'])
  })

  test('a versioned store without a history, or where none can be', () => {
    const serdes = { key: string, value: json<number>() }
    // @ts-expect-error -- how long?
    expect(codeOf(() => versionedStore('totals', serdes))).toBe('INVALID_CONFIG')
    // @ts-expect-error -- 3600 of what?
    expect(codeOf(() => versionedStore('totals', { ...serdes, history: 3_600 }))).toBe(
      'INVALID_CONFIG',
    )
    const store = versionedStore('totals', { ...serdes, history: '1h' })
    const counter: Decider<number, number, number> = {
      initialState: 0,
      decide: (by) => by,
      evolve: (sum, by) => sum + by,
    }
    const sinks = sinksOf((builder) => {
      // @ts-expect-error -- the store keeps numbers
      builder.table(events, { store })
      // @ts-expect-error -- the state of a decider is one, not one for each time
      builder.stream(totals).decide(counter, { store }).events.to(totals)
    })
    expect(sinks).toEqual(['totals'])
  })

  test('a length of time without a unit', () => {
    const build = (builder: TopologyBuilder): void => {
      // @ts-expect-error -- 300 of what?
      builder.stream(events, { reset: { by: 300 } })
    }
    expect(codeOf(() => topology('types', build))).toBe('INVALID_CONFIG')
  })

  test('keys of another type without a serde for them', () => {
    const sinks = sinksOf((builder) => {
      const orders = builder.stream(events)
      const yearOf = (): number => 2026
      // @ts-expect-error -- groupBy
      orders.groupBy(yearOf, { name: 'a' }).count({ store: 'a' })
      // @ts-expect-error -- selectKey, then groupByKey
      orders.selectKey(yearOf).groupByKey().count({ store: 'b' })
      // @ts-expect-error -- map, then repartition
      orders.map((order) => [1, order]).repartition({ name: 'c' })
      // @ts-expect-error -- flatMap, then toTable
      orders.flatMap((order) => [[1, order] as const]).toTable({ store: 'd' })
      const table = orders.toTable({ store: 'e' })
      // @ts-expect-error -- a table's groupBy
      table.groupBy((order) => [1, order], { name: 'f' }).count({ store: 'f' })
    })
    expect(sinks).toEqual(['a', 'b', 'c', 'd', 'f'].map((name) => `${name}-repartition`))
  })

  test('a serde that does not fit the keys', () => {
    const sinks = sinksOf((builder) => {
      const orders = builder.stream(events)
      // @ts-expect-error -- the key is a text
      orders.groupBy(() => 'all', { name: 'a', key: int32 }).count({ store: 'a' })
      const store = keyValueStore('b', { key: int32, value: json<number>() })
      // @ts-expect-error -- the store's keys are numbers
      orders.groupByKey().count({ store })
    })
    expect(sinks).toEqual(['a-repartition'])
  })

  test('a stream of more than a function takes', () => {
    const bill = (stream: Stream<string, Placed>): void => stream.to(placed)
    const sinks = sinksOf((builder) => {
      // @ts-expect-error -- cancelled orders have no bill
      bill(builder.stream(events))
      bill(builder.stream(events).filter(isPlaced))
    })
    expect(sinks).toEqual(['placed', 'placed'])
  })

  test('an unknown branch', () => {
    const build = (builder: TopologyBuilder): void => {
      const branches = builder.stream(events).split({ placed: isPlaced })
      // @ts-expect-error -- there is no such branch
      branches.shipped?.to(events)
      branches.placed.to(placed)
    }
    expect(sinksOf(build)).toEqual(['placed'])
  })
})

describe('types follow the records', () => {
  test('through keys, values and groups', () => {
    topology('types', (builder) => {
      const orders = builder.stream(events)
      expectTypeOf(orders).toEqualTypeOf<Stream<string, OrderEvent>>()
      const narrowed = orders.filter((event) => event.type === 'placed')
      expectTypeOf(narrowed).toEqualTypeOf<Stream<string, Placed>>()
      expectTypeOf(orders.filterNot(isPlaced)).toEqualTypeOf<Stream<string, Cancelled>>()
      const branches = orders.split({ bought: isPlaced, large: () => true })
      expectTypeOf(branches.bought).toExtend<Stream<string, Placed>>()
      expectTypeOf(branches.large).toEqualTypeOf<Stream<string, OrderEvent>>()
      expectTypeOf(branches.default).toEqualTypeOf<Stream<string, OrderEvent>>()

      const amounts = narrowed.groupBy((order) => order.customer, { name: 'customer' })
      const spent = amounts.aggregate(
        () => 0,
        (order, sum) => sum + order.amount,
        { store: 'spent' },
      )
      expectTypeOf(spent).toEqualTypeOf<Table<string, number>>()
      expectTypeOf(spent.toStream()).toEqualTypeOf<Stream<string, number | null>>()
      spent.toStream().to(totals)

      const counts = orders
        .groupBy(() => 2026, { name: 'year', key: int32 })
        .count({ store: 'year' })
      expectTypeOf(counts).toEqualTypeOf<Table<number, number>>()
      counts.toStream().to(byYear)
      expectTypeOf(orders.merge(builder.stream(totals))).toEqualTypeOf<
        Stream<string, OrderEvent | number>
      >()
    })
  })

  test('keys of a narrower type keep the serde of the wider one', () => {
    topology('types', (builder) => {
      const kinds = builder.stream(events).selectKey((event) => event.type)
      expectTypeOf(kinds).toEqualTypeOf<Stream<'placed' | 'cancelled', OrderEvent, string>>()
      const counts = kinds.groupByKey().count({ store: 'kinds' })
      expectTypeOf(counts).toEqualTypeOf<Table<'placed' | 'cancelled', number, string>>()
      counts.toStream().to(totals)
      const nullable = builder.stream(events).selectKey(() => null as string | null)
      expectTypeOf(nullable.toTable({ store: 'some' })).toEqualTypeOf<Table<string, OrderEvent>>()
    })
  })

  test('through deciders and processors', () => {
    interface Order {
      readonly open: boolean
    }
    const decider: Decider<OrderEvent, Order, Placed, 'closed'> = {
      initialState: { open: true },
      decide: (command, order) => (order.open && isPlaced(command) ? command : reject('closed')),
      evolve: () => ({ open: false }),
    }
    const amounts: Processor<string, Placed, string, number> = {
      process: ({ key, value }, { forward }) => forward({ key, value: value.amount }),
    }
    const late = sideOutput<string, Placed>('late')
    topology('types', (builder) => {
      const order = builder.stream(events).decide(decider, { store: 'order' })
      expectTypeOf(order.events).toEqualTypeOf<Stream<string, Placed>>()
      expectTypeOf(order.rejected).toEqualTypeOf<Stream<string, Rejection<OrderEvent, 'closed'>>>()
      expectTypeOf(order.states).toEqualTypeOf<Table<string, Order>>()
      const processed = order.events.process(amounts, { name: 'amounts' })
      processed.to(totals)
      processed.sideOutput(late).to(placed)
      expectTypeOf(processed).toExtend<Stream<unknown, unknown, never>>()
      expectTypeOf(processed.filter(() => true)).toEqualTypeOf<Stream<string, number>>()
    })
  })
})
