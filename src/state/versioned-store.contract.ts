import { describe, expect, test } from 'vitest'
import { bytes } from '../serde/bytes.ts'
import { json } from '../serde/json.ts'
import type { Serde } from '../serde/serde.ts'
import { string } from '../serde/string.ts'
import type { VersionedStoreSpec } from './store-spec.ts'
import type { Version, VersionedStore } from './versioned-store.ts'
import { openVersionedStore } from './versioned/open-versioned-store.ts'
import { WindowedUnderTest, type Kind } from './window/windowed-under-test.fixtures.ts'

export const versionedSpec = <K, V>(
  key: Serde<K>,
  value: Serde<V>,
  historyMs: number,
): VersionedStoreSpec<K, V> => ({
  kind: 'versioned',
  name: 'windows',
  key,
  value,
  backend: 'memory',
  logged: true,
  changelogConfigs: {},
  cached: false,
  historyMs,
})

const HISTORY_MS = 1_000

/** What every versioned store promises, whatever it stands on. */
export function versionedStoreContract(name: string, kind: Kind): void {
  const open = (historyMs = HISTORY_MS) =>
    WindowedUnderTest.open(kind, (context) =>
      openVersionedStore(versionedSpec(string, json<number>(), historyMs), context),
    )
  describe(`${name} is a versioned store`, () => {
    versions(open)
    late(open)
    history(open)
    ranges(open, kind)
    inATask(open)
  })
}

type Open = (historyMs?: number) => Promise<WindowedUnderTest<VersionedStore<string, number>>>

const asOf = (store: VersionedStore<string, number>, key: string, ...times: readonly number[]) =>
  times.map((time) => store.get(key, time))

const text = (versionsOfKey: Iterable<Version<number>>): string =>
  [...versionsOfKey]
    .map(({ value, timestampMs, validToMs }) => `${value}@${timestampMs}-${validToMs ?? ''}`)
    .join(' ')

function versions(open: Open): void {
  test('a version holds from its timestamp until that of the next one', async () => {
    await using under = await open()
    const { store } = under
    expect([store.put('a', 1, 10), store.put('a', 2, 20)]).toEqual(['latest', 'latest'])
    expect(asOf(store, 'a', 9, 10, 19, 20, 1_000_000)).toEqual([undefined, 1, 1, 2, 2])
    expect(store.get('a')).toBe(2)
    expect(store.getWithTimestamp('a')).toEqual({ value: 2, timestampMs: 20 })
    expect(store.getWithTimestamp('a', 15)).toEqual({ value: 1, timestampMs: 10 })
    expect(store.get('b')).toBeUndefined()
    expect(store.get('b', 15)).toBeUndefined()
  })

  test('a version with the same timestamp is replaced', async () => {
    await using under = await open()
    const { store } = under
    store.put('a', 1, 10)
    store.put('a', 2, 20)
    expect(store.put('a', 3, 20)).toBe('latest')
    expect(store.put('a', 4, 10)).toBe('late')
    expect(text(store.versions('a'))).toBe('4@10-20 3@20-')
  })

  test('a deletion ends a version, and the time before it stays known', async () => {
    await using under = await open()
    const { store } = under
    store.put('a', 1, 10)
    expect(store.delete('a', 20)).toBe(1)
    store.put('a', 2, 30)
    expect(store.put('a', null, 40)).toBe('latest')
    expect(asOf(store, 'a', 10, 20, 29, 30, 40)).toEqual([1, undefined, undefined, 2, undefined])
    expect(store.get('a')).toBeUndefined()
    expect(store.delete('a', 45)).toBeUndefined()
    expect(text(store.versions('a'))).toBe('1@10-20 2@30-40')
  })

  test('a put or a deletion without a timestamp is as of the current record', async () => {
    await using under = await open()
    under.meta.at(null, 70, [])
    under.store.put('a', 1)
    expect(under.store.getWithTimestamp('a')).toEqual({ value: 1, timestampMs: 70 })
    under.meta.at(null, 80, [])
    expect(under.store.delete('a')).toBe(1)
    expect(asOf(under.store, 'a', 79, 80)).toEqual([1, undefined])
    expect(under.store.putIfAbsent('a', 2)).toBeUndefined()
    under.store.putAll([['b', 3]])
    expect([...under.store.all()]).toEqual([
      ['a', 2],
      ['b', 3],
    ])
  })

  test('what is no timestamp is refused', async () => {
    await using under = await open()
    for (const time of [-1, 0.5, Number.NaN, 2 ** 60]) {
      expect(() => under.store.put('a', 1, time)).toThrow(`is given a version of ${time}, which`)
    }
    expect(under.log).toEqual([])
  })
}

function late(open: Open): void {
  test('a late version holds until the one that is there already', async () => {
    await using under = await open()
    const { store } = under
    store.put('a', 2, 20)
    store.put('a', 4, 40)
    expect([store.put('a', 3, 30), store.put('a', 1, 10)]).toEqual(['late', 'late'])
    expect(text(store.versions('a'))).toBe('1@10-20 2@20-30 3@30-40 4@40-')
    expect(store.get('a')).toBe(4)
  })

  test('a late deletion ends the version before it', async () => {
    await using under = await open()
    const { store } = under
    store.put('a', 1, 10)
    store.put('a', 3, 30)
    expect(store.put('a', null, 20)).toBe('late')
    expect(store.delete('a', 15)).toBe(1)
    expect(text(store.versions('a'))).toBe('1@10-15 3@30-')
  })

  test('what comes before a deletion is late too', async () => {
    await using under = await open()
    const { store } = under
    store.delete('a', 20)
    expect(store.put('a', 1, 10)).toBe('late')
    expect(store.get('a')).toBeUndefined()
    expect(asOf(store, 'a', 10, 19, 20)).toEqual([1, 1, undefined])
  })

  test('a version that is deleted as of its own time was never there, as in Kafka Streams', async () => {
    await using under = await open()
    const { store } = under
    store.put('a', 1, 20)
    store.delete('a', 20)
    expect(store.put('a', 2, 10)).toBe('latest')
    expect(store.get('a')).toBe(2)
    // Unless another one ended there.
    store.put('b', 1, 10)
    store.put('b', 2, 20)
    store.delete('b', 20)
    expect(store.put('b', 3, 15)).toBe('late')
    expect(text(store.versions('b'))).toBe('1@10-15 3@15-20')
    // Or was put there since.
    store.put('c', 1, 20)
    store.put('c', 2, 10)
    store.delete('c', 20)
    expect(store.put('c', 3, 15)).toBe('late')
    // What was deleted before is the latest again.
    store.delete('d', 5)
    store.put('d', 1, 20)
    store.delete('d', 20)
    expect([store.put('d', 2, 4), store.put('d', 3, 6)]).toEqual(['late', 'latest'])
  })
}

function history(open: Open): void {
  test('nothing is put before the history, and nothing found there', async () => {
    await using under = await open()
    const { store } = under
    store.put('a', 1, 10)
    store.put('a', 2, 20)
    store.put('b', 1, 1_015)
    expect(store.put('a', 3, 14)).toBe('expired')
    expect(store.delete('a', 14)).toBeUndefined()
    expect(store.put('c', 3, 15)).toBe('latest')
    expect(under.log.map(({ key }) => String(key)).join('')).toBe('aabc')
    expect(asOf(store, 'a', 14, 15, 19)).toEqual([undefined, 1, 1])
    expect(text(store.versions('a'))).toBe('1@10-20 2@20-')
    store.put('b', 2, 5_000)
    expect(text(store.versions('a'))).toBe('2@20-')
  })

  test('a latest version never expires', async () => {
    await using under = await open()
    const { store } = under
    store.put('a', 1, 10)
    store.put('b', 1, 1_000_000)
    under.commit()
    expect(store.get('a')).toBe(1)
    expect(asOf(store, 'a', 9, 10, 999_999)).toEqual([undefined, 1, 1])
    expect(store.put('a', 2, 1_000_000)).toBe('latest')
  })

  test('the versions of a stretch of time are found', async () => {
    await using under = await open()
    const { store } = under
    for (const time of [10, 20, 30, 40]) store.put('a', time, time)
    store.delete('a', 50)
    expect(text(store.versions('a', 25, 30))).toBe('20@20-30 30@30-40')
    expect(text(store.versions('a', 20, 20))).toBe('20@20-30')
    expect(text(store.versions('a', 0, 9))).toBe('')
    expect(text(store.versions('a', 45.5))).toBe('40@40-50')
    expect(text(store.versions('a', 50))).toBe('')
    expect(text(store.versions('b'))).toBe('')
  })
}

function ranges(open: Open, kind: Kind): void {
  test('ranges go over the latest versions, in the order of the keys', async () => {
    await using under = await open()
    const { store } = under
    for (const key of ['b', 'a', 'c', 'ab', 'd']) {
      store.put(key, 1, 10)
      store.put(key, 2, 20)
    }
    under.commit()
    store.put('c', 3, 15)
    store.delete('d', 30)
    const keys = (rows: Iterable<readonly [string, number]>): string =>
      [...rows].map(([key, value]) => key + value).join(' ')
    expect(keys(store.all())).toBe('a2 ab2 b2 c2')
    expect(keys(store.range('a', 'b'))).toBe('a2 ab2 b2')
    expect(keys(store.reverseRange('ab', null))).toBe('c2 b2 ab2')
    expect(keys(store.prefixScan(Buffer.from('a')))).toBe('a2 ab2')
    expect(store.approximateCount()).toBeGreaterThan(8)
  })

  test('keys may be any bytes, one the beginning of another', async () => {
    await using under = await WindowedUnderTest.open(kind, (context) =>
      openVersionedStore(versionedSpec(bytes, bytes, HISTORY_MS), context),
    )
    const { store } = under
    const keys = ['', '00', '0000', '0001', '00ff', '01', '61', '6100', '610000000000000014', 'ff']
      .concat('ff'.repeat(8), 'ff'.repeat(17))
      .map((hex) => Buffer.from(hex, 'hex'))
    for (const [at, key] of keys.entries()) {
      store.put(key, Buffer.of(at), 10)
      store.put(key, Buffer.of(at, at), 20)
    }
    under.commit()
    const found = (key: Uint8Array, time?: number): string =>
      Buffer.from(store.get(key, time) ?? []).toString('hex')
    for (const [at, key] of keys.entries()) {
      expect([found(key), found(key, 19)]).toEqual([
        Buffer.of(at, at).toString('hex'),
        Buffer.of(at).toString('hex'),
      ])
    }
    const hexOf = (rows: Iterable<readonly [Uint8Array, Uint8Array]>) =>
      [...rows].map(([key]) => Buffer.from(key).toString('hex'))
    const all = keys.map((key) => key.toString('hex'))
    expect(hexOf(store.all())).toEqual(all)
    expect(hexOf(store.reverseRange(null, null))).toEqual(all.toReversed())
    expect(hexOf(store.prefixScan(Buffer.of(0x61)))).toEqual(all.slice(6, 9))
    expect(hexOf(store.range(Buffer.of(0), Buffer.of(0x61, 0)))).toEqual(all.slice(1, 8))
  })

  test('a range survives puts in the middle', async () => {
    await using under = await open()
    const { store } = under
    for (let key = 0; key < 100; key++) store.put(`key-${key}`, key, 10)
    const seen: number[] = []
    for (const [key, value] of store.all()) {
      seen.push(value)
      store.put(key, 0, 20)
      if (value === 50) under.commit()
    }
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, key) => key))
  })
}

function inATask(open: Open): void {
  test('the changelog has each version as Kafka Streams logs it, the latest one last', async () => {
    await using under = await open()
    const { store } = under
    store.put('a', 1, 10)
    store.put('a', 3, 30)
    store.delete('a', 40)
    store.put('a', 2, 20)
    const line = ({ key, value, timestampMs }: (typeof under.log)[number]): string =>
      `${String(key)}=${String(value)}@${timestampMs}`
    expect(under.log.map(line)).toEqual(['a=1@10', 'a=3@30', 'a=null@40', 'a=2@20', 'a=null@40'])
  })

  test('all comes back from disk and from the changelog', async () => {
    await using under = await open()
    const { store } = under
    store.put('a', 1, 10)
    store.put('a', 2, 20)
    store.put('b', 1, 1_005)
    under.commit()
    store.put('a', 3, 15)
    store.delete('b', 1_006)
    under.handle.flush()
    await under.restart()
    expect(text(under.store.versions('a'))).toBe('1@10-15 3@15-20 2@20-')
    expect(text(under.store.versions('b'))).toBe('1@1005-1006')
    expect(under.store.put('a', 4, 5)).toBe('expired')
    expect(under.handle.dirtyBytes()).toBe(0)
  })

  test('what Kafka Streams forgets of a deletion is forgotten after a restart too', async () => {
    await using under = await open()
    under.store.put('a', 1, 20)
    under.commit()
    under.store.delete('a', 20)
    under.handle.flush()
    await under.restart()
    expect(under.store.put('a', 2, 10)).toBe('latest')
  })

  test('a standby sees what is replayed', async () => {
    await using under = await open()
    const replay = (value: string, timestampMs: number): void => {
      const entry = under.handle.restoredEntry(Buffer.from('a'), Buffer.from(value), timestampMs)
      expect(entry).toBeUndefined()
    }
    expect(under.store.get('a')).toBeUndefined()
    replay('1', 10)
    expect(under.store.get('a')).toBe(1)
    replay('2', 20)
    expect(under.store.get('a')).toBe(2)
    under.store.put('a', 3, 30)
    expect(text(under.store.versions('a'))).toBe('1@10-20 2@20-30 3@30-')
  })

  test('what is dropped was never put', async () => {
    await using under = await open()
    under.store.put('a', 1, 10)
    under.commit()
    under.store.put('a', 2, 5_000)
    under.handle.close()
    expect(under.store.get('a')).toBe(1)
    expect(under.handle.dirtyBytes()).toBe(0)
    expect(under.store.put('a', 3, 11)).toBe('latest')
  })
}
