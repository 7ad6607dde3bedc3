import { describe, expect, test } from 'vitest'
import { bytes } from '../serde/bytes.ts'
import { json } from '../serde/json.ts'
import { double, int32, long } from '../serde/number.ts'
import type { Serde } from '../serde/serde.ts'
import { string } from '../serde/string.ts'
import { storeInATaskContract } from './store-in-a-task.contract.ts'
import { type StoreOptions, StoreUnderTest } from './store-under-test.fixture.ts'

interface Total {
  readonly count: number
}

export type Kind = Pick<StoreOptions<unknown, unknown>, 'backend' | 'cached'>
export type OpenStore = <K, V>(
  key: Serde<K>,
  value: Serde<V>,
  options?: Partial<StoreOptions<K, V>>,
) => Promise<StoreUnderTest<K, V>>

/** What every key-value store promises, whatever it stands on, cached or not. */
export function keyValueStoreContract(name: string, kind: Kind): void {
  const open: OpenStore = (key, value, options) =>
    StoreUnderTest.open({ ...kind, ...options, key, value })
  describe(`${name} is a key-value store`, () => {
    rows(open)
    order(open)
    keysOfEveryKind(open)
    serialisation(open)
    storeInATaskContract(open)
  })
}

function rows(open: OpenStore): void {
  test('a new store has no rows', async () => {
    await using under = await open(string, json<Total>())
    expect(under.store.name).toBe('totals')
    expect(under.store.get('a')).toBeUndefined()
    expect(under.store.getWithTimestamp('a')).toBeUndefined()
    expect([...under.store.all()]).toEqual([])
    expect(under.store.approximateCount()).toBe(0)
  })

  test('a value is handed out as it was put, with its timestamp', async () => {
    await using under = await open(string, json<Total>())
    const total = { count: 1 }
    under.store.put('a', total, 17)
    expect(under.store.get('a')).toBe(total)
    expect(under.store.getWithTimestamp('a')).toEqual({ value: { count: 1 }, timestampMs: 17 })
  })

  test("a put without a timestamp takes the current record's", async () => {
    await using under = await open(string, json<Total>())
    under.process(5, 1_700_000_000_123)
    under.store.put('a', { count: 1 })
    expect(under.store.getWithTimestamp('a')?.timestampMs).toBe(1_700_000_000_123)
  })

  test('a row can be replaced and deleted, and put again', async () => {
    await using under = await open(string, json<Total>())
    under.store.put('a', { count: 1 }, 1)
    under.store.put('a', { count: 2 }, 2)
    expect(under.store.getWithTimestamp('a')).toEqual({ value: { count: 2 }, timestampMs: 2 })
    expect(under.store.delete('a')).toEqual({ count: 2 })
    expect(under.store.get('a')).toBeUndefined()
    expect(under.store.delete('a')).toBeUndefined()
    under.store.put('a', { count: 3 }, 3)
    under.store.put('a', null, 4)
    expect(under.store.get('a')).toBeUndefined()
    under.store.put('a', { count: 4 }, 5)
    expect(under.store.getWithTimestamp('a')).toEqual({ value: { count: 4 }, timestampMs: 5 })
  })

  test('putIfAbsent gives what is there, and puts where nothing is', async () => {
    await using under = await open(string, json<Total>())
    expect(under.store.putIfAbsent('a', { count: 1 })).toBeUndefined()
    expect(under.store.putIfAbsent('a', { count: 2 })).toEqual({ count: 1 })
    expect(under.store.get('a')).toEqual({ count: 1 })
  })

  test('putAll puts and deletes in order', async () => {
    await using under = await open(string, json<Total>())
    under.store.putAll([
      ['a', { count: 1 }],
      ['b', { count: 2 }],
      ['a', null],
    ])
    expect([...under.store.all()]).toEqual([['b', { count: 2 }]])
  })

  test('the count is right for a small store', async () => {
    await using under = await open(string, json<Total>())
    under.store.putAll(['a', 'b', 'c'].map((key) => [key, { count: 1 }] as const))
    expect(under.store.approximateCount()).toBe(3)
    under.handle.flush()
    under.checkpoint()
    under.store.put('a', { count: 2 })
    under.store.put('d', { count: 1 })
    under.store.delete('b')
    under.store.put('nowhere', null)
    expect(under.store.approximateCount()).toBe(3)
  })
}

function order(open: OpenStore): void {
  test('ranges include both ends and are ordered by the bytes of the keys', async () => {
    await using under = await open(string, int32)
    const keys = (rows: Iterable<readonly [string, number]>): string =>
      [...rows].map(([key]) => key).join(' ')
    // In three layers: the local store, what is dirty, and what waits for a flush.
    under.store.putAll([
      ['b', 1],
      ['é', 1],
      ['ab', 1],
    ])
    under.handle.flush()
    under.checkpoint()
    under.store.putAll([
      ['c', 2],
      ['a', 2],
      ['ab', null],
    ])
    under.handle.flush()
    under.store.putAll([
      ['bb', 3],
      ['c', null],
    ])
    expect(keys(under.store.all())).toBe('a b bb é')
    expect(keys(under.store.range('a', 'bb'))).toBe('a b bb')
    expect(keys(under.store.range('aa', 'ba'))).toBe('b')
    expect(keys(under.store.range(null, 'b'))).toBe('a b')
    expect(keys(under.store.range('b', null))).toBe('b bb é')
    expect(keys(under.store.range('b', 'a'))).toBe('')
    expect(keys(under.store.reverseRange(null, null))).toBe('é bb b a')
    expect(keys(under.store.reverseRange('b', 'bb'))).toBe('bb b')
    expect(keys(under.store.prefixScan(Buffer.from('b')))).toBe('b bb')
    expect(keys(under.store.prefixScan(Buffer.alloc(0)))).toBe('a b bb é')
    expect(keys(under.store.prefixScan(Buffer.from([255])))).toBe('')
  })

  test('a range goes on while rows are put, flushed and checkpointed', async () => {
    await using under = await open(string, int32)
    const keys = Array.from({ length: 100 }, (_, index) => String(index).padStart(3, '0'))
    under.store.putAll(keys.map((key) => [key, 0] as const))
    const seen: string[] = []
    for (const [key] of under.store.all()) {
      seen.push(key)
      under.store.put(key, 1)
      if (seen.length % 7 === 0) under.handle.flush()
      if (seen.length % 10 === 0) under.checkpoint()
    }
    expect(seen).toEqual(keys)
    expect([...under.store.all()]).toEqual(keys.map((key) => [key, 1]))
  })
}

function keysOfEveryKind(open: OpenStore): void {
  /** Puts a number under each key; gives what is read back, before and after a restart. */
  const readBack = async <K>(key: Serde<K>, keys: readonly K[]): Promise<unknown> => {
    await using under = await open(key, int32)
    keys.forEach((each, index) => under.store.put(each, index))
    const before = keys.map((each) => under.store.get(each))
    under.handle.flush()
    under.checkpoint()
    await under.restart()
    const after = keys.map((each) => under.store.get(each))
    keys.forEach((each) => under.store.delete(each))
    return { before, after, left: [...under.store.all()] }
  }
  const numbered = (keys: readonly unknown[]): unknown => {
    const numbers = keys.map((_, index) => index)
    return { before: numbers, after: numbers, left: [] }
  }

  test('texts are kept apart', async () => {
    const keys = ['', '1', 'a', 'é', '日本', '\u0000', '\u{1f600}']
    expect(await readBack(string, keys)).toEqual(numbered(keys))
  })

  test('numbers are kept apart, minus zero from zero too', async () => {
    const keys = [0, -0, 1, -1, 0.5, Infinity, NaN]
    expect(await readBack(double, keys)).toEqual(numbered(keys))
  })

  test('long numbers are kept apart', async () => {
    const keys = [0, 1, -1, 2 ** 53 - 1]
    expect(await readBack(long, keys)).toEqual(numbered(keys))
  })

  test('objects are kept apart, and plain values beside them', async () => {
    const keys = [{ a: 1 }, { a: 2 }, [1], 'a', 1, '1', true, null]
    expect(await readBack(json<unknown>(), keys)).toEqual(numbered(keys))
  })

  test('bytes are kept apart', async () => {
    const keys = [Buffer.from(''), Buffer.from('a'), Buffer.from([0, 255])]
    expect(await readBack(bytes, keys)).toEqual(numbered(keys))
  })

  test('keys that differ in memory but not in their bytes are one row', async () => {
    await using under = await open(string, int32)
    under.store.put('\ufffd', 1)
    expect(under.store.get('\ufffd')).toBe(1)
    // A lone surrogate has no UTF-8: it becomes the replacement character.
    expect(under.store.get('\ud800')).toBe(1)
    under.store.put('\ud800', 2)
    expect(under.store.get('\ufffd')).toBe(2)
    expect([...under.store.all()]).toEqual([['\ufffd', 2]])
  })

  test('zero and minus zero are one row where their bytes are equal', async () => {
    await using under = await open(long, int32)
    under.store.put(0, 1)
    under.store.put(-0, 2)
    expect([under.store.get(0), under.store.get(-0)]).toEqual([2, 2])
  })

  test('bytes that the caller uses again change no row', async () => {
    await using under = await open(bytes, bytes)
    const [key, value] = [Buffer.from('a'), Buffer.from('1')]
    under.store.put(key, value)
    key.fill('x')
    value.fill('x')
    const asText = (each: Uint8Array): string => Buffer.from(each).toString()
    expect([...under.store.all()].map((row) => row.map(asText))).toEqual([['a', '1']])
    expect(under.store.get(Buffer.from('a'))).toEqual(new Uint8Array(Buffer.from('1')))
    expect(under.store.get(Buffer.from('x'))).toBeUndefined()
  })
}

/** Counts what a serde is asked to do. */
function counting<T>(serde: Serde<T>): Serde<T> & { serialized: number; deserialized: number } {
  const counted = {
    name: serde.name,
    serialized: 0,
    deserialized: 0,
    serialize: (value: T) => {
      counted.serialized++
      return serde.serialize(value)
    },
    deserialize: (value: Uint8Array) => {
      counted.deserialized++
      return serde.deserialize(value)
    },
  }
  return counted
}

function serialisation(open: OpenStore): void {
  test('a row in use is neither looked up by bytes nor deserialised again', async () => {
    const [key, value] = [counting(string), counting(json<Total>())]
    await using under = await open(key, value)
    under.store.put('a', { count: 1 })
    under.handle.flush()
    under.checkpoint()
    await under.restart()
    under.handle.flush()
    under.store.get('a')
    const before = [key.serialized, key.deserialized, value.deserialized]
    for (let read = 0; read < 10; read++) expect(under.store.get('a')).toEqual({ count: 1 })
    expect([key.serialized, key.deserialized, value.deserialized]).toEqual(before)
  })

  test('a key that cannot be serialised is refused with the name of the store', async () => {
    await using under = await open(int32, int32)
    const refused = { code: 'SERDE_FAILED', message: expect.stringContaining('"totals"') as string }
    expect(() => under.store.put(0.5, 1)).toThrow(expect.objectContaining(refused))
    expect(() => under.store.get(2 ** 40)).toThrow(expect.objectContaining(refused))
    expect(() => under.store.range(0.5, null)).toThrow(expect.objectContaining(refused))
    expect([...under.store.all()]).toEqual([])
    expect(under.log).toEqual([])
  })

  test('a value that cannot be serialised is refused with the name of the store', async () => {
    await using under = await open(string, int32)
    under.store.put('a', 1)
    under.handle.flush()
    const refused = { code: 'SERDE_FAILED', message: expect.stringContaining('"totals"') as string }
    expect(() => {
      under.store.put('a', 0.5)
      under.handle.flush()
    }).toThrow(expect.objectContaining(refused))
    expect(under.log).toHaveLength(1)
  })

  test('a stored value that cannot be read is refused with the name of the store', async () => {
    await using under = await open(string, int32)
    const entry = under.handle.restoredEntry(Buffer.from('a'), Buffer.from('no int32'), 1)!
    under.backend.checkpoint([{ store: 'totals', entries: [entry], position: 1 }])
    const refused = { code: 'SERDE_FAILED', message: expect.stringContaining('"totals"') as string }
    expect(() => under.store.get('a')).toThrow(expect.objectContaining(refused))
    expect(() => [...under.store.all()]).toThrow(expect.objectContaining(refused))
  })
}
