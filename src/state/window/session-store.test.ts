import { describe, expect, test } from 'vitest'
import { json } from '../../serde/json.ts'
import { string } from '../../serde/string.ts'
import { sessionWindowed, type Windowed } from '../../serde/windowed-key.ts'
import { openSessionStore } from './open-window-store.ts'
import { isProgress } from './saved-progress.ts'
import { WindowedUnderTest, type Kind } from './windowed-under-test.fixtures.ts'

const spec = {
  kind: 'session' as const,
  name: 'windows',
  key: sessionWindowed(string),
  innerKey: string,
  value: json<number>(),
  backend: 'memory' as const,
  logged: true,
  changelogConfigs: {},
  cached: true,
  retentionMs: 600_000,
  groupMs: 5_000,
}

const at = (key: string, startMs: number, endMs: number): Windowed<string> => ({
  key,
  window: { startMs, endMs },
})

const text = (rows: Iterable<readonly [Windowed<string>, number]>): string =>
  [...rows]
    .map(([{ key, window }, value]) => `${key}@${window.startMs}-${window.endMs}=${value}`)
    .join(' ')

const kinds: readonly Kind[] = [
  { backend: 'memory', cacheMaxBytes: 0 },
  { backend: 'memory', cacheMaxBytes: 1_000_000 },
  { backend: 'lmdb', cacheMaxBytes: 0 },
]

describe.each(kinds)('a session store on $backend with a cache of $cacheMaxBytes bytes', (kind) => {
  const open = () => WindowedUnderTest.open(kind, (context) => openSessionStore(spec, context))

  async function filled() {
    const under = await open()
    under.store.put(at('a', 0, 3_000), 1)
    under.store.put(at('a', 20_000, 21_000), 2)
    under.commit()
    under.store.put(at('b', 2_000, 3_000), 3)
    under.store.put(at('a', 100_000, 140_000), 4)
    return under
  }

  test('the sessions are found that a record would touch', async () => {
    await using under = await filled()
    const { store } = under
    expect(text(store.findSessions('a', 0, 140_000))).toBe(
      'a@0-3000=1 a@20000-21000=2 a@100000-140000=4',
    )
    expect(text(store.findSessions('a', 3_001, 99_999))).toBe('a@20000-21000=2')
    // In the middle of one that ends long after.
    expect(text(store.findSessions('a', 110_000, 120_000))).toBe('a@100000-140000=4')
    expect(text(store.findSessions('c', 0, 140_000))).toBe('')
    expect(text(store.fetch('b'))).toBe('b@2000-3000=3')
  })

  test('ended sessions come by end, start and key', async () => {
    await using under = await filled()
    expect(text(under.store.fetchEnded(3_000, 21_000))).toBe(
      'a@0-3000=1 b@2000-3000=3 a@20000-21000=2',
    )
  })

  test('a session is found and deleted by its key and both its times', async () => {
    await using under = await filled()
    expect(under.store.get(at('a', 0, 3_000))).toBe(1)
    expect(under.store.get(at('a', 1, 3_000))).toBeUndefined()
    under.store.put(at('a', 0, 3_000), null)
    under.commit()
    expect(under.store.get(at('a', 0, 3_000))).toBeUndefined()
  })

  test('the changelog has the keys of Kafka Streams, and brings the sessions back', async () => {
    await using under = await filled()
    under.handle.flush()
    expect(under.log[0]?.key.toString('hex')).toBe('610000000000000bb80000000000000000')
    await under.restart()
    expect(text(under.store.all())).toBe(
      'a@0-3000=1 b@2000-3000=3 a@20000-21000=2 a@100000-140000=4',
    )
  })

  test('sessions are found at once where the changelog has nothing but them', async () => {
    await using under = await open()
    under.store.put(at('a', 0, 3_000), 1)
    under.store.put(at('b', 100_000, 141_000), 2)
    under.store.put(at('a', 100_000, 140_000), 3)
    under.handle.flush()
    const rows = under.log.filter(({ key }) => !isProgress(key))
    under.log.splice(0, Infinity, ...rows)
    expect(rows).toHaveLength(3)
    await under.restart()
    expect(text(under.store.findSessions('a', 110_000, 120_000))).toBe('a@100000-140000=3')
    expect(text(under.store.fetch('b'))).toBe('b@100000-141000=2')
  })
})
