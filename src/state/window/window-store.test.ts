import { describe, expect, test } from 'vitest'
import { json } from '../../serde/json.ts'
import { string } from '../../serde/string.ts'
import { timeWindowed, type Windowed } from '../../serde/windowed-key.ts'
import type { WindowStoreSpec } from '../store-spec.ts'
import { openWindowStore } from './open-window-store.ts'
import { WindowedUnderTest, type Kind } from './windowed-under-test.fixtures.ts'

const MINUTE = 60_000

const spec = (settings: Partial<WindowStoreSpec<string, number>> = {}) => ({
  kind: 'window' as const,
  name: 'windows',
  key: timeWindowed(string, MINUTE),
  innerKey: string,
  value: json<number>(),
  backend: 'memory' as const,
  logged: true,
  changelogConfigs: {},
  cached: true,
  retentionMs: 10 * MINUTE,
  sizeMs: 60_000,
  groupMs: MINUTE,
  duplicates: false,
  ...settings,
})

const at = (key: string, startMs: number): Windowed<string> => ({
  key,
  window: { startMs, endMs: startMs + MINUTE },
})

const text = (rows: Iterable<readonly [Windowed<string>, number]>): string =>
  [...rows].map(([{ key, window }, value]) => `${key}@${window.startMs}=${value}`).join(' ')

const kinds: readonly Kind[] = [
  { backend: 'memory', cacheMaxBytes: 0 },
  { backend: 'memory', cacheMaxBytes: 1_000_000 },
  { backend: 'lmdb', cacheMaxBytes: 0 },
  { backend: 'lmdb', cacheMaxBytes: 1_000_000 },
]

describe.each(kinds)('a window store on $backend with a cache of $cacheMaxBytes bytes', (kind) => {
  const open = (settings?: Partial<WindowStoreSpec<string, number>>) =>
    WindowedUnderTest.open(kind, (context) => openWindowStore(spec(settings), context))

  /** Half of the rows are in the local store, the others are newer. */
  async function filled(settings?: Partial<WindowStoreSpec<string, number>>) {
    const under = await open(settings)
    const { store } = under
    for (const startMs of [120_000, 0, 60_000]) store.put(at('b', startMs), startMs, 1)
    under.commit()
    for (const startMs of [60_000, 0]) store.put(at('a', startMs), startMs + 1, 2)
    store.put(at('ab', 60_000), 7, 3)
    return under
  }

  test('rows are found by key and window', async () => {
    await using under = await filled()
    expect(under.store.get(at('a', 60_000))).toBe(60_001)
    expect(under.store.getWithTimestamp(at('b', 0))).toEqual({ value: 0, timestampMs: 1 })
    expect(under.store.get(at('c', 0))).toBeUndefined()
    under.store.put(at('b', 0), null)
    expect(under.store.get(at('b', 0))).toBeUndefined()
  })

  test.each([MINUTE, 7_000, 3_600_000])('ranges go by time in groups of %i ms', async (groupMs) => {
    await using under = await filled({ groupMs })
    const { store } = under
    expect(text(store.fetch('b', 0, 60_000))).toBe('b@0=0 b@60000=60000')
    expect(text(store.backwardFetch('b', 1, Infinity))).toBe('b@120000=120000 b@60000=60000')
    expect(text(store.fetch('a', 0, Infinity))).toBe('a@0=1 a@60000=60001')
    expect(text(store.fetchAll(60_000, 119_999))).toBe('a@60000=60001 ab@60000=7 b@60000=60000')
    expect(text(store.backwardFetchAll(0, 60_000))).toBe(
      'b@60000=60000 ab@60000=7 a@60000=60001 b@0=0 a@0=1',
    )
    expect(text(store.all())).toBe(
      'a@0=1 b@0=0 a@60000=60001 ab@60000=7 b@60000=60000 b@120000=120000',
    )
    expect(text(store.fetch('b', 60_001, 60_002))).toBe('')
  })

  test('a key with rows in many groups is read without looking into each of them', async () => {
    await using under = await open({ groupMs: 1, retentionMs: 2 ** 40 })
    for (const startMs of [5, 2 ** 30, 2 ** 39]) under.store.put(at('a', startMs), startMs)
    under.store.put(at('b', 2 ** 20), 1)
    expect(text(under.store.fetch('a', 0, Infinity))).toBe(
      `a@5=5 a@${2 ** 30}=${2 ** 30} a@${2 ** 39}=${2 ** 39}`,
    )
    expect(text(under.store.backwardFetch('a', 6, Infinity))).toBe(
      `a@${2 ** 39}=${2 ** 39} a@${2 ** 30}=${2 ** 30}`,
    )
  })

  test('duplicates are kept in the order they came in, and after a restart too', async () => {
    await using under = await open({ duplicates: true, cached: false })
    under.store.put(at('a', 0), 3)
    under.store.put(at('a', 0), 1)
    under.store.put(at('a', 0), null)
    under.commit()
    await under.restart()
    under.store.put(at('a', 0), 2)
    expect([...under.store.fetch('a', 0, 0)].map(([, value]) => value)).toEqual([3, 1, 2])
  })

  test('the changelog has the keys of Kafka Streams', async () => {
    await using under = await open()
    under.store.put(at('a', 60_000), 1, 70_000)
    under.handle.flush()
    expect(under.log[0]).toEqual({
      key: Buffer.from('61000000000000ea6000000000', 'hex'),
      value: Buffer.from('1'),
      timestampMs: 70_000,
    })
  })

  test('rows and progress come back after a restart, from disk and from the changelog', async () => {
    await using under = await filled()
    under.store.progress.streamTimeMs = 130_000
    under.store.progress.closedMs = 60_000
    expect(under.store.streamTimeOf('left').streamTimeMs).toBe(-1)
    under.store.streamTimeOf('left').streamTimeMs = 99_000
    under.handle.flush()
    await under.restart()
    expect(text(under.store.fetchAll(0, 60_000))).toBe(
      'a@0=1 b@0=0 a@60000=60001 ab@60000=7 b@60000=60000',
    )
    expect(under.store.progress.streamTimeMs).toBe(130_000)
    expect(under.store.progress.closedMs).toBe(60_000)
    expect(under.store.streamTimeOf('left').streamTimeMs).toBe(99_000)
    expect(under.store.streamTimeOf('right').streamTimeMs).toBe(-1)
  })

  test('a standby sees what is replayed, and its first put replaces it', async () => {
    await using under = await open({ cached: false })
    under.store.put(at('a', 0), 0, 0)
    under.handle.flush()
    const [{ key }] = under.log as [(typeof under.log)[number]]
    const read = () => under.store.get(at('a', 0))
    for (const value of [1, 2]) {
      under.commit()
      read()
      under.replay({ key, value: Buffer.from(String(value)), timestampMs: value })
      expect(read()).toBe(value)
      under.replay({ key, value: Buffer.from(String(value + 10)), timestampMs: value })
      expect(read()).toBe(value + 10)
    }
    under.store.put(at('a', 0), 3)
    expect(read()).toBe(3)
    under.store.put(at('a', 0), null)
    expect(read()).toBeUndefined()
  })

  test('what has expired is deleted from the local store, and comes in no more', async () => {
    await using under = await open({ cached: false })
    for (let minute = 0; minute < 100; minute++) {
      for (const key of ['a', 'b']) under.store.put(at(key, minute * MINUTE), minute)
      under.commit()
    }
    const first = 90 * MINUTE
    expect([...under.store.all()]).toHaveLength(20)
    expect(under.store.get(at('a', first - 1))).toBeUndefined()
    expect(under.store.get(at('a', first))).toBe(90)
    // Ten minutes, a segment of five, and the row that says how far it has come.
    expect(under.localRows).toBeLessThanOrEqual(2 * 15 + 1)
    const logged = under.log.length
    under.store.put(at('a', 0), 1)
    under.handle.flush()
    expect(under.log).toHaveLength(logged)
  })

  test('what expires keeps pace with what is put, however seldom there is a commit', async () => {
    await using under = await open({ cached: false })
    for (let minute = 0; minute < 3_000; minute++) {
      for (let key = 0; key < 10; key++) under.store.put(at(`key-${key}`, minute * MINUTE), minute)
    }
    under.commit()
    // Fifteen minutes are needed; a few hundred rows may have come since it was looked last.
    expect(under.localRows).toBeLessThan(1_000)
    expect([...under.store.all()]).toHaveLength(100)
  })

  test('a jump of time expires no more at a commit than fits', async () => {
    await using under = await open({ cached: false })
    for (let row = 0; row < 25_000; row++) under.store.put(at(`key-${row}`, 0), row)
    under.commit()
    under.store.put(at('a', 1_000 * MINUTE), 1)
    const left = [1, 2, 3].map(() => {
      under.commit()
      return under.localRows
    })
    expect(left).toEqual([15_002, 5_002, 2])
  })
})
