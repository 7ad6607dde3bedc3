import { expect, test } from 'vitest'
import { int32 } from '../serde/number.ts'
import { string } from '../serde/string.ts'
import type { OpenStore } from './key-value-store.contract.ts'

/** What a key-value store promises to the runtime. */
export function storeInATaskContract(open: OpenStore): void {
  test('the changelog has the plain value and its timestamp, and a tombstone', async () => {
    await using under = await open(string, string)
    under.store.put('a', 'one', 11)
    under.handle.flush()
    under.store.put('a', null, 12)
    under.handle.flush()
    expect(under.log).toEqual([
      { key: Buffer.from('a'), value: Buffer.from('one'), timestampMs: 11 },
      { key: Buffer.from('a'), value: null, timestampMs: 12 },
    ])
  })

  test('the local store has eight bytes of timestamp before the value', async () => {
    await using under = await open(string, string)
    under.store.put('a', 'one', 2 ** 40 + 1)
    under.store.put('b', 'two', -1)
    under.handle.flush()
    const entries = [
      [Buffer.from('a'), Buffer.from('\0\0\u0001\0\0\0\0\u0001one', 'latin1')],
      [Buffer.from('b'), Buffer.from('\xff\xff\xff\xff\xff\xff\xff\xfftwo', 'latin1')],
    ]
    expect([...under.handle.checkpoint()]).toEqual([{ entries, isLast: true }])
    expect(under.store.getWithTimestamp('b')).toEqual({ value: 'two', timestampMs: -1 })
    const restored = under.handle.restoredEntry(Buffer.from('a'), Buffer.from('one'), 2 ** 40 + 1)
    expect(restored).toEqual(entries[0])
    expect(under.handle.restoredEntry(Buffer.from('a'), null, 1)).toEqual([Buffer.from('a'), null])
  })

  test('rows are dirty until they are checkpointed, and so is what was put since', async () => {
    await using under = await open(string, int32)
    expect(under.handle.dirtyBytes()).toBe(0)
    under.store.putAll([
      ['b', 1],
      ['a', 1],
      ['gone', null],
    ])
    under.store.put('late', 1)
    under.handle.flush()
    expect(under.handle.dirtyBytes()).toBeGreaterThan(0)
    const slices = under.handle.checkpoint()
    const [{ entries }] = [slices.next().value!]
    under.store.put('b', 2)
    under.store.put('c', 2)
    under.handle.flush()
    under.backend.checkpoint([{ store: 'totals', entries, position: 1 }])
    expect([...slices]).toEqual([])
    expect(under.handle.dirtyBytes()).toBeGreaterThan(0)
    expect([...under.store.all()].map(String)).toEqual(['a,1', 'b,2', 'c,2', 'late,1'])
    under.checkpoint()
    expect(under.handle.dirtyBytes()).toBe(0)
    expect([...under.store.all()].map(String)).toEqual(['a,1', 'b,2', 'c,2', 'late,1'])
  })

  test('everything comes back from the local store and the changelog', async () => {
    await using under = await open(string, int32)
    under.store.putAll([
      ['kept', 1],
      ['changed', 1],
      ['deleted', 1],
    ])
    under.handle.flush()
    under.checkpoint()
    under.store.put('changed', 2, 99)
    under.store.delete('deleted')
    under.handle.flush()
    await under.restart()
    expect([...under.store.all()]).toEqual([
      ['changed', 2],
      ['kept', 1],
    ])
    expect(under.store.getWithTimestamp('changed')?.timestampMs).toBe(99)
  })

  test('a standby sees what is restored under it, from the moment it is written', async () => {
    await using under = await open(string, int32)
    const read = (): unknown => under.store.getWithTimestamp('a')
    expect(read()).toBeUndefined()
    for (const value of [1, 2]) {
      const before = read()
      const entry = under.handle.restoredEntry(Buffer.from('a'), int32.serialize(value), value)!
      expect(read()).toEqual(before)
      under.backend.checkpoint([{ store: 'totals', entries: [entry], position: value }])
      expect(read()).toEqual({ value, timestampMs: value })
    }
    under.store.put('a', 3, 3)
    expect(read()).toEqual({ value: 3, timestampMs: 3 })
  })

  test('a store that is not logged works all the same', async () => {
    await using under = await open(string, int32, { logged: false })
    under.store.put('a', 1)
    under.handle.flush()
    under.checkpoint()
    expect(under.store.get('a')).toBe(1)
    expect(under.log).toEqual([])
  })

  test('rows outlive small caches', async () => {
    for (const bytes of [0, 1, 5_000]) {
      await using under = await open(string, int32, {
        readCacheMaxBytes: bytes,
        cacheMaxBytes: bytes,
      })
      const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`)
      for (const key of keys) under.store.put(key, 0)
      for (const key of keys) under.store.put(key, under.store.get(key)! + 1)
      expect(keys.map((key) => under.store.get(key))).toEqual(keys.map(() => 1))
    }
  })
}
