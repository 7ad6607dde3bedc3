import { describe, expect, expectTypeOf, test } from 'vitest'
import type { StreamsError } from '../core/errors.ts'
import { json } from '../serde/json.ts'
import { int32 } from '../serde/number.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import { describeAsJson, describeAsText } from '../topology/describe.ts'
import { keyValueStore } from '../topology/key-value-store.ts'
import { windowStore } from '../topology/window-store.ts'
import type { TopologyBuilder } from './builder.ts'
import type { Stream } from './stream.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

interface Order {
  readonly product: string | null
  readonly amount: number
}
const orders = topic('orders', { key: string, value: json<Order>() })
const products = topic('products', { key: string, value: json<string>() })
const limits = topic('limits', { key: string, value: json<number>() })
const output = topic('output', { key: string, value: json<string>() })

const driverOf = (build: (builder: TopologyBuilder) => void) =>
  new TopologyTestDriver(topology('shop', build))

const productOf = ({ product }: Order): string | null => product
const described = ({ amount }: Order, name: string | null): string => `${amount} of ${name}`

const errorOf = (build: (builder: TopologyBuilder) => void): Partial<StreamsError> | undefined => {
  try {
    topology('shop', build)
    return undefined
  } catch (error) {
    return error as StreamsError
  }
}

const limitStore = () => keyValueStore('limits', { key: string, value: json<number>() })

describe('a stream joined with a global table', () => {
  test('finds rows by what is in a record, keeps its key and goes through no topic', async () => {
    await using driver = driverOf((builder) => {
      const names = builder.globalTable(products, { store: 'products' })
      builder.stream(orders).join(names, productOf, described).to(output)
    })
    await driver.input(products).send('tea', 'Assam')
    await driver.input(orders).send('order-1', { product: 'tea', amount: 2 }, { timestampMs: 3 })
    await driver.input(orders).send(null, { product: 'tea', amount: 3 }, { timestampMs: 1 })
    await driver.input(orders).send('order-2', { product: 'milk', amount: 1 })
    await driver.input(orders).send('order-3', { product: null, amount: 1 })
    expect(driver.output(output).records()).toMatchObject([
      { key: 'order-1', value: '2 of Assam', timestampMs: 3 },
      { key: null, value: '3 of Assam', timestampMs: 1 },
    ])
    expect(driver.counters.dropped).toBe(1)
  })

  test('sees the rows as they are by then, whatever their timestamps', async () => {
    await using driver = driverOf((builder) => {
      const names = builder.globalTable(products, { store: 'products' })
      builder.stream(orders).leftJoin(names, productOf, described).to(output)
    })
    const order = { product: 'tea', amount: 1 }
    await driver.input(orders).send('a', order, { timestampMs: 50 })
    await driver.input(products).send('tea', 'Assam', { timestampMs: 99 })
    await driver.input(orders).send('b', order, { timestampMs: 51 })
    await driver.input(products).send('tea', 'Darjeeling', { timestampMs: 7 })
    await driver.input(orders).send('c', order, { timestampMs: 52 })
    await driver.input(products).send('tea', null)
    await driver.input(orders).send('d', { product: null, amount: 1 })
    expect(driver.output(output).keyValues()).toEqual([
      ['a', '1 of null'],
      ['b', '1 of Assam'],
      ['c', '1 of Darjeeling'],
      ['d', '1 of null'],
    ])
    expect([...driver.store('products').all()]).toEqual([])
  })

  test('meets what the topology itself writes to the global topic', async () => {
    await using driver = driverOf((builder) => {
      const names = builder.globalTable(products, { store: 'products' })
      const stream = builder.stream(orders)
      stream.leftJoin(names, productOf, described).to(output)
      stream
        .map(({ product }, { key }) => [product ?? '', `seen in ${key}`])
        .to(topic('products', { key: string, value: json<string>() }))
    })
    await driver.input(orders).send('a', { product: 'tea', amount: 1 })
    await driver.input(orders).send('b', { product: 'tea', amount: 1 })
    expect(driver.output(output).values()).toEqual(['1 of null', '1 of seen in a'])
  })
})

describe('a global table in a topology', () => {
  const joined = (builder: TopologyBuilder): void => {
    const names = builder.globalTable(products, { store: 'products' })
    builder.stream(orders).join(names, productOf, described).to(output)
  }

  test('is a sub-topology of its own, that no task runs', () => {
    const built = topology('shop', joined)
    expect(describeAsText(built)).toBe(`Topology: shop
  Sub-topology: 0
    Source: source(orders) (topics: [orders])
      --> global-join-1
    Processor: global-join-1 (stores: [])
      --> sink(output)
      <-- source(orders)
    Sink: sink(output) (topic: output)
      <-- global-join-1
  Sub-topology: 1 for global store (will not generate tasks)
    Source: source(products) (topics: [products])
      --> global-table(products)
    Processor: global-table(products) (stores: [products])
      --> none
      <-- source(products)
`)
    const { subTopologies, stores, globals } = describeAsJson(built)
    expect(subTopologies.map(({ copartitioned }) => copartitioned)).toEqual([[]])
    expect(stores).toEqual([])
    expect(globals).toMatchObject([
      {
        id: 1,
        nodes: [{ name: 'source(products)', reset: 'earliest' }, { operator: 'global-table' }],
        store: { name: 'products', kind: 'key-value', logged: false, cached: false },
      },
    ])
  })

  test('is part of its fingerprint', () => {
    const print = (build: (builder: TopologyBuilder) => void): string =>
      topology('shop', build).fingerprint
    expect(print(joined)).toBe(print(joined))
    const more = (builder: TopologyBuilder): void => {
      joined(builder)
      builder.addGlobalStore(limitStore(), limits)
    }
    expect(print(more)).not.toBe(print(joined))
  })

  test('may be all there is', async () => {
    await using driver = driverOf((builder) => {
      builder.globalTable(products, { store: 'products' })
    })
    await driver.input(products).send('tea', 'Assam')
    expect(driver.store('products').get('tea')).toBe('Assam')
  })

  test.each<[string, string, (builder: TopologyBuilder) => void]>([
    [
      'a topic that is read otherwise',
      'topic products is read as a global table and again as a stream',
      (builder) => {
        builder.globalTable(products, { store: 'products' })
        builder.stream(products)
      },
    ],
    [
      'a topic twice',
      'topic products is read as a global table and again as a global table',
      (builder) => {
        builder.globalTable(products, { store: 'products' })
        builder.globalTable(products, { store: 'others' })
      },
    ],
    [
      'a topic that a pattern matches',
      '/^prod/ and source(products) read the same topic',
      (builder) => {
        builder.globalTable(products, { store: 'products' })
        builder.stream(/^prod/, { key: string, value: json<string>() })
      },
    ],
    [
      'a store of that name',
      'store "limits" is declared twice',
      (builder) => {
        builder.stream(products).groupByKey().count({ store: 'limits' })
        builder.addGlobalStore(limitStore(), limits)
      },
    ],
    [
      'its own name for the store of a step',
      'store "limits" is declared twice',
      (builder) => {
        builder.addGlobalStore(limitStore(), limits)
        builder.stream(products).groupByKey().count({ store: 'limits' })
      },
    ],
    [
      'a step that names it among its stores',
      'step "look" names store "limits", which is global',
      (builder) => {
        builder.addGlobalStore(limitStore(), limits)
        builder
          .stream(products)
          .process({ process: () => {} }, { name: 'look', stores: ['limits'] })
      },
    ],
    [
      'windows',
      'global store "limits" is no key-value store',
      (builder) => {
        const store = windowStore('limits', {
          key: string,
          value: json<number>(),
          size: '1m',
          retention: '1h',
        })
        builder.addGlobalStore(store as never, limits)
      },
    ],
    [
      'a changelog',
      'global store "limits" has settings for a changelog',
      (builder) => {
        const store = { ...limitStore(), changelogConfigs: { 'segment.ms': '1000' } }
        builder.addGlobalStore(store, limits)
      },
    ],
    [
      'dead letters',
      'records of global topic "limits" are to go to the dead letters',
      (builder) => {
        builder.addGlobalStore(limitStore(), limits, { onBadRecord: 'dead-letter' as never })
      },
    ],
    [
      'a join with one function',
      'a global-join is given one function',
      (builder) => {
        const names = builder.globalTable(products, { store: 'products' })
        // @ts-expect-error -- what makes a value of record and row?
        builder.stream(orders).join(names, productOf)
      },
    ],
    [
      'a stream of another topology',
      'a global-join is given a global table of another topology',
      (builder) => {
        topology('another', (other) => {
          const names = other.globalTable(products, { store: 'products' })
          builder.stream(orders).join(names, productOf, described)
        })
      },
    ],
  ])('has no place for %s', (_, message, build) => {
    expect(errorOf(build)).toMatchObject({ code: 'INVALID_TOPOLOGY', message })
  })

  test('knows the types of keys and rows', () => {
    topology('shop', (builder) => {
      const names = builder.globalTable(products, { store: 'products' })
      const stream = builder.stream(orders)
      // @ts-expect-error -- rows are found by text, not by numbers
      stream.join(names, ({ amount }) => amount, described)
      // @ts-expect-error -- a left join may find no row
      stream.leftJoin(names, productOf, (_, name) => name.length)
      // @ts-expect-error -- a table of numbers in a store of text
      builder.globalTable(limits, { store: keyValueStore('l', { key: string, value: string }) })
      // @ts-expect-error -- unnamed
      expect(() => builder.globalTable(topic('unnamed', limits), {})).toThrow('has no store')
      const lengths = stream.join(names, productOf, (_, name) => name.length)
      expectTypeOf(lengths).toEqualTypeOf<Stream<string, number>>()
      const byAmount = stream.selectKey(({ amount }) => amount)
      const kept = byAmount.leftJoin(names, productOf, described)
      expectTypeOf(kept).toEqualTypeOf<Stream<number, string, string>>()
      // @ts-expect-error -- the serde of the stream writes text, its keys are numbers now
      kept.groupByKey().count({ store: 'by-amount' })
      kept.groupByKey({ key: int32 }).count({ store: 'by-number' })
    })
  })
})
