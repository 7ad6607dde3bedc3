import { describe, expect, test } from 'vitest'
import {
  hopping,
  int32,
  json,
  keyValueStore,
  session,
  string,
  topic,
  topology,
  tumbling,
  untilTimeLimit,
  type TopologyBuilder,
} from 'millrace'
import { compareLocks } from './compare.ts'
import { verdictOf, type Finding } from './finding.ts'
import { lockOf, parseLock } from './lock.ts'

const orders = topic('orders', { key: string, value: json<number>() })
const payments = topic('payments', { key: string, value: json<number>() })

type Build = (builder: TopologyBuilder) => void

const locked = (build: Build) => lockOf(topology('shop', build), 'shop')

/** Only what is said of state, without the hint that every other graph gets. */
const changes = (before: Build, after: Build): readonly Finding[] =>
  compareLocks(locked(before), locked(after)).filter(
    ({ what }) => what !== 'the graph is another one',
  )

const grouped = (builder: TopologyBuilder) => builder.stream(orders).groupByKey()
const counted: Build = (builder) => {
  grouped(builder).count({ store: 'counts' })
}
const withStore =
  (options: Partial<Parameters<typeof keyValueStore<string, number>>[1]>): Build =>
  (builder) => {
    const serdes = { key: string, value: json<number>() }
    grouped(builder).count({ store: keyValueStore('counts', { ...serdes, ...options }) })
  }
const windowed =
  (windows: ReturnType<typeof tumbling<string, number>>) =>
  (builder: TopologyBuilder): void => {
    grouped(builder).windowedBy(windows).count({ store: 'counts', retention: '1d' })
  }

describe('a lock', () => {
  test('says of each store what leads to it, and comes back from its text', () => {
    const lock = locked((builder) => {
      builder
        .stream(orders)
        .merge(builder.stream(payments))
        .groupBy(String, { name: 'by-amount' })
        .count({ store: 'counts' })
    })
    expect(lock.stores['counts']).toMatchObject({
      kind: 'key-value',
      subTopology: 1,
      reads: ['by-amount-repartition'],
      inputs: ['orders', 'payments'],
    })
    expect(lock.repartitions).toEqual({
      'by-amount': { key: 'string', value: 'json', partitions: null },
    })
    expect(parseLock(JSON.stringify(lock), 'a.lock.json')).toEqual(lock)
  })

  test.each(['', '{', '[]', '{"format":2}'])('is not every text: %j', (text) => {
    expect(() => parseLock(text, 'a.lock.json')).toThrow('a.lock.json is no lock of a topology')
  })

  test('is the same for the same topology, whatever the functions in it do', () => {
    expect(compareLocks(locked(counted), locked(counted))).toEqual([])
  })

  test('of another application has nothing to do with this one', () => {
    const [finding] = compareLocks(locked(counted), lockOf(topology('shop', counted), 'shop-2'))
    expect(finding).toMatchObject({
      verdict: 'loss',
      what: 'the application id is "shop-2", not "shop"',
    })
  })
})

describe('state goes on', () => {
  test('where only steps have changed, but not beside the old graph', () => {
    const filtered: Build = (builder) => {
      builder
        .stream(orders)
        .filter((order) => order > 0)
        .groupByKey()
        .count({ store: 'counts' })
    }
    expect(compareLocks(locked(counted), locked(filtered))).toEqual([
      {
        verdict: 'compatible',
        what: 'the graph is another one',
        hint: 'Stop every instance before the first one of the new version starts.',
      },
    ])
  })

  test.each<[string, Build, Build, string]>([
    [
      'where a new store is filled from a new topic',
      counted,
      (builder) => {
        counted(builder)
        builder.table(payments, { store: 'payments' })
      },
      'store "payments" is new',
    ],
    [
      'where a store moves to another backend',
      counted,
      withStore({ backend: 'memory' }),
      'store "counts" is kept in memory, not in lmdb',
    ],
    [
      'where a sub-topology gets another number',
      counted,
      (builder) => {
        builder.stream(payments).to(orders)
        counted(builder)
      },
      'topic "payments" is read too',
    ],
    [
      'where a topic that fed a store is left out',
      (builder) => {
        builder.stream([orders, payments]).groupByKey().count({ store: 'counts' })
      },
      counted,
      'store "counts" is not fed by "payments" any more',
    ],
    [
      'where rows are kept for longer',
      windowed(tumbling('1m', { grace: '0s' })),
      (builder) => {
        grouped(builder)
          .windowedBy(tumbling('1m', { grace: '0s' }))
          .count({ store: 'counts', retention: '2d' })
      },
      'store "counts" keeps rows for 172800000 ms, not 86400000 ms',
    ],
  ])('%s', (_, before, after, what) => {
    const findings = changes(before, after)
    expect(verdictOf(findings)).toBe('compatible')
    expect(findings.map((finding) => finding.what)).toContain(what)
  })
})

describe('state must begin anew', () => {
  test.each<[string, Build, Build, string]>([
    [
      'where a new store is filled from a topic that was read before',
      counted,
      (builder) => {
        counted(builder)
        grouped(builder).reduce((sum, order) => sum + order, { store: 'sums' })
      },
      'store "sums" is new, and is filled from "orders" from where the group is',
    ],
    [
      'where the kind of a store is another one',
      counted,
      windowed(tumbling('1m', { grace: '0s' })),
      'store "counts" was a key-value store and is a window store',
    ],
    [
      'where a serde is another one',
      counted,
      withStore({ value: int32 }),
      'the values of store "counts" were written with json and are read with int32',
    ],
    [
      'where windows have another length',
      windowed(tumbling('1m', { grace: '0s' })),
      windowed(tumbling('2m', { grace: '0s' })),
      'the windows of store "counts" lasted 60000 ms and last 120000 ms',
    ],
    [
      'where windows begin at other times',
      windowed(hopping('4m', { advance: '1m', grace: '0s' })),
      windowed(hopping('4m', { advance: '2m', grace: '0s' })),
      'the windows of store "counts" began every 60000 ms and begin every 120000 ms',
    ],
    [
      'where a store gets its changelog late',
      withStore({ logged: false }),
      counted,
      'store "counts" has a changelog now',
    ],
    [
      'where a store is fed through a topic',
      counted,
      (builder) => {
        builder.stream(orders).groupBy(String, { name: 'by-amount' }).count({ store: 'counts' })
      },
      'store "counts" is fed by "by-amount-repartition", and was by "orders"',
    ],
    [
      'where a repartition topic is to have another count',
      (builder) => void builder.stream(orders).repartition({ name: 'again', partitions: 2 }),
      (builder) => void builder.stream(orders).repartition({ name: 'again', partitions: 3 }),
      'repartition topic "shop-again-repartition" is to have 3 partitions, and had 2 partitions',
    ],
    [
      'where what is in a repartition topic was written otherwise',
      (builder) => void builder.stream(orders).repartition({ name: 'again' }),
      (builder) => void builder.stream(orders).repartition({ name: 'again', value: int32 }),
      'the values in repartition topic "shop-again-repartition" were written with json and are read with int32',
    ],
  ])('%s', (_, before, after, what) => {
    const findings = changes(before, after)
    expect(verdictOf(findings)).toBe('reset')
    expect(findings.map((finding) => finding.what)).toContain(what)
  })

  test('but not for another gap of a join, which keeps records and no results', () => {
    const joined =
      (within: '1m' | '2m'): Build =>
      (builder) => {
        builder.stream(orders).join(builder.stream(payments), (left, right) => left + right, {
          within,
          grace: '1h',
          store: 'pairs',
        })
      }
    const longer = changes(joined('1m'), joined('2m'))
    expect(verdictOf(longer)).toBe('compatible')
  })
})

describe('state is lost', () => {
  test('where a store was renamed, and the old name is said', () => {
    const renamed: Build = (builder) => void grouped(builder).count({ store: 'order-counts' })
    const [finding] = changes(counted, renamed)
    expect(finding).toEqual({
      verdict: 'loss',
      what: 'store "counts" is gone',
      hint: 'Its rows stay in topic "shop-counts-changelog", and nobody reads them. If it is called "order-counts" now, give it its old name: rows do not move.',
    })
  })

  test.each<[string, Build, Build, string]>([
    [
      'where a store is left out',
      counted,
      (builder) => builder.stream(orders).to(payments),
      'store "counts" is gone',
    ],
    [
      'where a store has no changelog any more',
      counted,
      withStore({ logged: false }),
      'store "counts" has no changelog any more',
    ],
    [
      'where what has no changelog moves',
      withStore({ logged: false }),
      withStore({ logged: false, backend: 'memory' }),
      'store "counts" is kept in memory, not in lmdb',
    ],
    [
      'where rows are kept for a shorter time',
      (builder) =>
        void grouped(builder)
          .windowedBy(session('1m', { grace: '0s' }))
          .count({ store: 'counts', retention: '1d' }),
      (builder) =>
        void grouped(builder)
          .windowedBy(session('1m', { grace: '0s' }))
          .count({ store: 'counts', retention: '1h' }),
      'store "counts" keeps rows for 3600000 ms, not 86400000 ms',
    ],
    [
      'where a repartition topic is left out, with what is in it',
      (builder) => builder.stream(orders).repartition({ name: 'again' }).to(payments),
      (builder) => builder.stream(orders).to(payments),
      'repartition topic "shop-again-repartition" is gone',
    ],
    [
      'where updates wait that nobody will send',
      (builder) =>
        void builder
          .table(orders, { store: 'orders' })
          .suppress(untilTimeLimit('1m'), { store: 'waiting' }),
      (builder) => void builder.table(orders, { store: 'orders' }),
      'store "waiting" is gone',
    ],
  ])('%s', (_, before, after, what) => {
    const findings = changes(before, after)
    expect(verdictOf(findings)).toBe('loss')
    expect(findings.map((finding) => finding.what)).toContain(what)
  })
})
