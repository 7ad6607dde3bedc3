import { describe, expect, test } from 'vitest'
import type { ByteStore, StateBackend } from './backend.ts'
import { compareBytes } from './byte-order.ts'

export interface BackendUnderTest extends AsyncDisposable {
  readonly backend: StateBackend
}

export const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

export const entriesOf = (
  store: ByteStore,
  from: Uint8Array | null = null,
  to: Uint8Array | null = null,
  direction: 'forward' | 'backward' = 'forward',
): (readonly [key: string, value: string])[] =>
  [...store.range(from, to, direction)].map(([key, value]) => [text(key), text(value)])

const text = (value: Uint8Array): string => Buffer.from(value).toString('latin1')

const put = (
  backend: StateBackend,
  entries: Readonly<Record<string, string | null>>,
  position = 1,
): void =>
  backend.checkpoint([
    {
      store: 'orders',
      entries: Object.entries(entries)
        .map(([key, value]) => [bytes(key), value === null ? null : bytes(value)] as const)
        .sort(([a], [b]) => compareBytes(a, b)),
      position,
    },
  ])

/** Keys that a store on disk may stumble over, in their order. */
const awkwardKeys: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.from([0]),
  Buffer.from([0, 0]),
  Buffer.from([0, 0, 0, 0, 0, 0, 0, 0]),
  Buffer.alloc(1_976),
  Buffer.alloc(1_977),
  Buffer.alloc(1_978),
  Buffer.concat([Buffer.alloc(1_978), Buffer.from([7])]),
  Buffer.from([0, 0, 1]),
  Buffer.from([0, 1]),
  Buffer.from([1]),
  Buffer.from([1, 0]),
  ...[510, 511, 512, 1_975, 1_976, 1_977, 1_978, 1_979, 4_026, 70_000].map((length) =>
    Buffer.alloc(length, 'k'),
  ),
  Buffer.concat([Buffer.alloc(1_976, 'k'), Buffer.from([200])]),
  Buffer.concat([Buffer.alloc(1_975, 'k'), Buffer.from([200])]),
  Buffer.from([127]),
  Buffer.from([128]),
  Buffer.from([255]),
  Buffer.alloc(2_500, 255),
]

export function stateBackendContract(name: string, open: () => Promise<BackendUnderTest>): void {
  describe(`${name} is a state backend`, () => {
    points(open)
    ranges(open)
    checkpoints(open)
  })
}

function points(open: () => Promise<BackendUnderTest>): void {
  test('a new store is empty and has no position', async () => {
    await using opened = await open()
    const store = opened.backend.store('orders')
    expect(store.get(bytes('order-1'))).toBeUndefined()
    expect(entriesOf(store)).toEqual([])
    expect(store.approximateCount()).toBe(0)
    expect(opened.backend.position('orders')).toBeUndefined()
  })

  test('what is checkpointed is read back, and a null value deletes', async () => {
    await using opened = await open()
    const store = opened.backend.store('orders')
    put(opened.backend, { 'order-1': 'placed', 'order-2': 'placed' })
    put(opened.backend, { 'order-1': 'paid', 'order-2': null, 'order-3': null })
    expect(text(store.get(bytes('order-1'))!)).toBe('paid')
    expect(store.get(bytes('order-2'))).toBeUndefined()
    expect(entriesOf(store)).toEqual([['order-1', 'paid']])
    expect(store.approximateCount()).toBe(1)
  })

  test('a value may be empty, and may be large', async () => {
    await using opened = await open()
    const store = opened.backend.store('orders')
    const large = Buffer.alloc(20_000_000, 'x')
    opened.backend.checkpoint([
      {
        store: 'orders',
        entries: [
          [bytes('empty'), Buffer.alloc(0)],
          [bytes('large'), large],
        ],
        position: 1,
      },
    ])
    expect(store.get(bytes('empty'))).toHaveLength(0)
    expect(large.equals(store.get(bytes('large'))!)).toBe(true)
    expect([...store.range(null, null, 'forward')].map(([, value]) => value.length)).toEqual([
      0, 20_000_000,
    ])
  })

  test('a backend keeps copies of what it was given', async () => {
    await using opened = await open()
    const [key, value] = [bytes('order-1'), bytes('placed')]
    opened.backend.checkpoint([{ store: 'orders', entries: [[key, value]], position: 1 }])
    key.fill('x')
    value.fill('x')
    expect(entriesOf(opened.backend.store('orders'))).toEqual([['order-1', 'placed']])
  })
}

function ranges(open: () => Promise<BackendUnderTest>): void {
  test('a range includes its beginning and excludes its end, both ways', async () => {
    await using opened = await open()
    const store = opened.backend.store('orders')
    put(opened.backend, { a: '1', b: '2', c: '3', d: '4' })
    expect(entriesOf(store, bytes('b'), bytes('d')).join(' ')).toBe('b,2 c,3')
    expect(entriesOf(store, bytes('b'), bytes('d'), 'backward').join(' ')).toBe('c,3 b,2')
    expect(entriesOf(store, bytes('bb'), null).join(' ')).toBe('c,3 d,4')
    expect(entriesOf(store, null, bytes('bb'), 'backward').join(' ')).toBe('b,2 a,1')
    expect(entriesOf(store, bytes('d'), bytes('b'))).toEqual([])
    expect(entriesOf(store, bytes('b'), bytes('b'), 'backward')).toEqual([])
  })

  test('every key can be stored, the empty one and long ones too, in unsigned order', async () => {
    await using opened = await open()
    const store = opened.backend.store('orders')
    const sorted = [...awkwardKeys].sort(compareBytes)
    const entries = sorted.map((key, index) => [key, bytes(String(index))] as const)
    opened.backend.checkpoint([{ store: 'orders', entries, position: 1 }])

    const indexes = (range: Iterable<readonly [Uint8Array, Uint8Array]>): number[] =>
      [...range].map(([key, value]) => {
        expect(compareBytes(key, sorted[Number(text(value))]!)).toBe(0)
        return Number(text(value))
      })
    const all = sorted.map((_, index) => index)
    expect(sorted.map((key) => text(store.get(key)!))).toEqual(all.map(String))
    for (const from of all) {
      for (const to of [from, from + 1, from + 3, all.length - 1]) {
        const expected = all.slice(from, Math.max(from, to))
        const [first, end] = [sorted[from]!, sorted[to] ?? null]
        if (end === null) continue
        expect(indexes(store.range(first, end, 'forward'))).toEqual(expected)
        expect(indexes(store.range(first, end, 'backward'))).toEqual(expected.toReversed())
      }
      expect(indexes(store.range(sorted[from]!, null, 'forward'))).toEqual(all.slice(from))
      expect(indexes(store.range(null, sorted[from]!, 'backward'))).toEqual(
        all.slice(0, from).toReversed(),
      )
    }
  })

  test('awkward keys can be changed and deleted one by one', async () => {
    await using opened = await open()
    const store = opened.backend.store('orders')
    const sorted = [...awkwardKeys].sort(compareBytes)
    const write = (key: Buffer, value: Buffer | null): void =>
      opened.backend.checkpoint([{ store: 'orders', entries: [[key, value]], position: 1 }])
    for (const key of sorted) write(key, bytes('old'))
    for (const key of sorted.toReversed()) write(key, bytes(`new ${key.length}`))
    expect(entriesOf(store).map(([, value]) => value)).toEqual(
      sorted.map((key) => `new ${key.length}`),
    )
    for (const key of sorted) {
      expect(store.get(key)).toBeDefined()
      write(key, null)
      expect(store.get(key)).toBeUndefined()
    }
    expect(entriesOf(store)).toEqual([])
  })

  test('a range goes on through checkpoints in the middle of it', async () => {
    await using opened = await open()
    const store = opened.backend.store('orders')
    const key = (index: number): string => String(index).padStart(4, '0')
    const even = Array.from({ length: 300 }, (_, index) => key(index * 2))
    put(opened.backend, Object.fromEntries(even.map((each) => [each, 'here all along'])))
    for (const direction of ['forward', 'backward'] as const) {
      const seen: string[] = []
      for (const [at] of store.range(null, null, direction)) {
        const index = Number(text(at))
        if (index % 2 !== 0) continue
        seen.push(text(at))
        // On both sides of what was just read an odd neighbour comes or goes.
        const change = index % 4 === 0 ? 'odd' : null
        put(opened.backend, { [key(index + 1)]: change, [key(Math.abs(index - 1))]: change })
        if (seen.length > even.length) break
      }
      expect(seen).toEqual(direction === 'forward' ? even : even.toReversed())
    }
  })

  test('a range that nobody reads to its end holds nothing up', async () => {
    await using opened = await open()
    put(opened.backend, { a: '1', b: '2', c: '3' })
    const abandoned = opened.backend.store('orders').range(null, null, 'forward')
    expect(text(abandoned.next().value?.[0] ?? bytes(''))).toBe('a')
    opened.backend.wipe('orders')
    expect(entriesOf(opened.backend.store('orders'))).toEqual([])
  })
}

function checkpoints(open: () => Promise<BackendUnderTest>): void {
  test('a checkpoint brings several stores to their positions', async () => {
    await using opened = await open()
    const { backend } = opened
    const batch = (store: string, position: number) =>
      ({ store, entries: [[bytes('key'), bytes(store)]], position }) as const
    backend.checkpoint([batch('orders', 17), batch('payments', 2 ** 53 - 1)])
    expect(entriesOf(backend.store('orders'))).toEqual([['key', 'orders']])
    expect(entriesOf(backend.store('payments'))).toEqual([['key', 'payments']])
    expect(['orders', 'payments', 'other'].map(backend.position)).toEqual([
      17,
      2 ** 53 - 1,
      undefined,
    ])
  })

  test('a checkpoint without entries moves the position', async () => {
    await using opened = await open()
    put(opened.backend, { a: '1' }, 5)
    put(opened.backend, {}, 9)
    expect(opened.backend.position('orders')).toBe(9)
    expect(entriesOf(opened.backend.store('orders'))).toEqual([['a', '1']])
  })

  test('remembers what the rows were made of, until it is told otherwise or wiped', async () => {
    await using opened = await open()
    const { backend } = opened
    put(backend, { a: '1' }, 5)
    expect(backend.origin('orders')).toBeUndefined()
    backend.checkpoint([{ store: 'orders', entries: [], position: 5, origin: 'topic 7' }])
    put(backend, { b: '2' }, 6)
    expect([backend.origin('orders'), backend.position('orders')]).toEqual(['topic 7', 6])
    backend.checkpoint([{ store: 'orders', entries: [], position: 6, origin: 'topic 8' }])
    expect(backend.origin('orders')).toBe('topic 8')
    backend.wipe('orders')
    expect(backend.origin('orders')).toBeUndefined()
  })

  test('wiping a store leaves the others alone', async () => {
    await using opened = await open()
    const { backend } = opened
    const store = backend.store('orders')
    put(backend, { a: '1', b: '2' })
    backend.checkpoint([{ store: 'payments', entries: [[bytes('p'), bytes('1')]], position: 4 }])
    backend.wipe('orders')
    expect(entriesOf(store)).toEqual([])
    expect(store.get(bytes('a'))).toBeUndefined()
    expect(backend.position('orders')).toBeUndefined()
    expect(entriesOf(backend.store('payments'))).toEqual([['p', '1']])
    expect(backend.position('payments')).toBe(4)
    put(backend, { c: '3' }, 1)
    expect(entriesOf(store)).toEqual([['c', '3']])
  })
}
