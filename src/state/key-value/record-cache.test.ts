import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { Header } from '../../core/record.ts'
import { json } from '../../serde/json.ts'
import { int32 } from '../../serde/number.ts'
import { string } from '../../serde/string.ts'
import { type StoreOptions, StoreUnderTest } from '../store-under-test.fixture.ts'

const cachedStore = (options: Partial<StoreOptions<string, number>> = {}) =>
  StoreUnderTest.open({ key: string, value: int32, backend: 'memory', cached: true, ...options })

const news = (under: StoreUnderTest<string, number>): string[] =>
  under.announced.map(
    ({ key, oldValue, newValue, timestampMs }) => `${key} ${oldValue}→${newValue} @${timestampMs}`,
  )

const changes = (under: StoreUnderTest<string, number>): string[] =>
  under.log.map(({ key, value, timestampMs }) => {
    const text = value === null ? 'deleted' : int32.deserialize(value)
    return `${Buffer.from(key).toString()} ${text} @${timestampMs}`
  })

test('updates of a key are coalesced until the flush', async () => {
  await using under = await cachedStore()
  under.store.put('a', 1, 10)
  under.store.put('a', 2, 20)
  under.store.put('a', 3, 15)
  expect(under.store.get('a')).toBe(3)
  expect([news(under), changes(under)]).toEqual([[], []])
  under.handle.flush()
  expect([news(under), changes(under)]).toEqual([['a null→3 @15'], ['a 3 @15']])
  under.store.put('a', 4, 30)
  under.handle.flush()
  expect(news(under).at(-1)).toBe('a 3→4 @30')
  under.handle.flush()
  expect(under.announced).toHaveLength(2)
})

test('the old value is the one that was flushed before, also when it must be read', async () => {
  await using under = await cachedStore({ backend: 'lmdb' })
  under.store.put('a', 1, 1)
  under.handle.flush()
  under.checkpoint()
  await under.restart()
  under.store.put('a', 2, 2)
  under.handle.flush()
  expect(news(under)).toEqual(['a null→1 @1', 'a 1→2 @2'])
})

test('rows leave in the order of their last update, as in Kafka Streams', async () => {
  await using under = await cachedStore()
  for (const key of ['b', 'c', 'a', 'b']) under.store.put(key, 1, 1)
  under.handle.flush()
  expect(under.announced.map(({ key }) => key)).toEqual(['c', 'a', 'b'])
})

test('a delete of what was never there is no news; of what was, it is', async () => {
  await using under = await cachedStore()
  under.store.put('a', 1, 1)
  under.store.delete('a')
  under.store.put('b', null, 1)
  under.handle.flush()
  expect([news(under), changes(under)]).toEqual([[], []])
  under.store.put('a', 1, 2)
  under.handle.flush()
  under.store.put('a', null, 3)
  under.handle.flush()
  expect(news(under)).toEqual(['a null→1 @2', 'a 1→null @3'])
  expect(changes(under)).toEqual(['a 1 @2', 'a deleted @3'])
})

test('an update is announced under the record that made it', async () => {
  await using under = await cachedStore()
  const header: Header = ['trace', Buffer.from('7')]
  under.process(7, 70, [header])
  under.store.put('a', 1, 71)
  under.process(8, 80)
  under.store.put('b', 1)
  under.process(9, 90)
  under.handle.flush()
  expect(under.announced).toEqual([
    {
      key: 'a',
      newValue: 1,
      oldValue: null,
      timestampMs: 71,
      headers: [['trace', new Uint8Array([0x37])]],
      offset: 7,
    },
    { key: 'b', newValue: 1, oldValue: null, timestampMs: 80, headers: [], offset: 8 },
  ])
  const { key, timestampMs, headers, topic, partition, offset } = under.meta
  expect({ key, timestampMs, headers, topic, partition, offset }).toEqual({
    key: null,
    timestampMs: 90,
    headers: [],
    topic: 'orders',
    partition: 0,
    offset: 9,
  })
})

test('a full cache lets go of what was not updated for the longest time', async () => {
  const rowBytes = 240 + 2 * (1 + 4)
  await using under = await cachedStore({ cacheMaxBytes: 3 * rowBytes })
  for (const key of ['a', 'b', 'c', 'a']) under.store.put(key, 1, 1)
  expect(under.announced).toEqual([])
  under.store.put('d', 1, 2)
  expect(under.announced.map(({ key }) => key)).toEqual(['b'])
  expect(under.handle.dirtyBytes()).toBeGreaterThan(3 * rowBytes)
  under.store.put('a', 2, 2)
  under.store.put('e', 1, 3)
  expect(under.announced.map(({ key }) => key)).toEqual(['b', 'c'])
  under.handle.flush()
  expect(under.announced.map(({ key }) => key)).toEqual(['b', 'c', 'd', 'a', 'e'])
})

test('values that grow count for what they have become', async () => {
  await using under = await StoreUnderTest.open({
    key: string,
    value: json<string>(),
    backend: 'memory',
    cached: true,
    cacheMaxBytes: 1_000_000,
  })
  for (let put = 0; put < 2_000; put++) under.store.put(`key-${put % 200}`, 'x'.repeat(put * 5), 1)
  // Two hundred rows of ten thousand characters would take four million bytes.
  expect(under.handle.dirtyBytes()).toBeLessThan(3_500_000)
  expect(under.announced.length).toBeGreaterThan(100)
})

test('a cached store without a listener still coalesces its changelog', async () => {
  await using under = await cachedStore({ listen: false })
  for (const value of [1, 2, 3]) under.store.put('a', value, value)
  under.handle.flush()
  expect(changes(under)).toEqual(['a 3 @3'])
})

test('an application without a cache announces nothing and logs every update', async () => {
  await using under = await cachedStore({ cacheMaxBytes: 0 })
  expect(under.isCached).toBe(false)
  under.store.put('a', 1, 1)
  under.store.put('a', 2, 2)
  under.handle.flush()
  expect([news(under), changes(under)]).toEqual([[], ['a 1 @1', 'a 2 @2']])
})

test('what a listener puts into the store leaves with the same flush', async () => {
  await using under = await cachedStore()
  under.store.onFlush((key, value) => {
    under.announced.push({
      key,
      newValue: value,
      oldValue: null,
      timestampMs: 0,
      headers: [],
      offset: 0,
    })
    if (value !== null && value < 3) under.store.put(key, value + 1, 1)
  })
  under.store.put('a', 1, 1)
  under.handle.flush()
  expect(changes(under)).toEqual(['a 1 @1', 'a 2 @1', 'a 3 @1'])
  expect(under.store.get('a')).toBe(3)
})

test('a value that cannot be serialised is refused when it is put, not at the commit', async () => {
  await using under = await cachedStore()
  under.store.put('a', 1, 1)
  under.store.put('b', 2, 1)
  const refused = expect.objectContaining({ code: 'SERDE_FAILED' }) as Error
  expect(() => under.store.put('b', 0.5, 2)).toThrow(refused)
  expect(under.store.get('b')).toBe(2)
  under.handle.flush()
  expect(changes(under)).toEqual(['a 1 @1', 'b 2 @1'])
})

test('what a listener throws comes out of the flush, under the record being processed', async () => {
  await using under = await cachedStore()
  under.store.onFlush(() => {
    throw new Error('downstream')
  })
  under.process(3, 30)
  under.store.put('a', 1)
  under.process(4, 40)
  expect(() => under.handle.flush()).toThrow('downstream')
  expect(under.meta.offset).toBe(4)
})

test('keys that turn out to be no plain keys are still one row each', async () => {
  await using under = await cachedStore()
  under.store.put('\ufffd', 1, 1)
  under.store.put('b', 1, 1)
  expect(under.store.get('\ud800')).toBe(1)
  under.store.put('\ud800', 2, 2)
  under.store.put('b', 2, 2)
  under.handle.flush()
  expect(under.announced.map(({ newValue }) => newValue)).toEqual([2, 2])
  expect([...under.store.all()]).toEqual([
    ['b', 2],
    ['\ufffd', 2],
  ])
})

/** After a full garbage collection. */
function heapMib(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed / 2 ** 20
}

test('nothing of what was flushed is kept, however often that is', async () => {
  await using under = await cachedStore()
  const rounds = (count: number): void => {
    for (let round = 0; round < count; round += 1) {
      for (let key = 0; key < 500; key += 1) under.store.put(`key-${key}`, round, round)
      under.handle.flush()
      under.announced.length = 0
      under.log.length = 0
    }
  }
  rounds(20)
  const before = heapMib()
  rounds(300)
  expect(heapMib() - before).toBeLessThan(8)
})
