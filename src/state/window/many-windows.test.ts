import { expect, test } from 'vitest'
import { json } from '../../serde/json.ts'
import { string } from '../../serde/string.ts'
import { timeWindowed } from '../../serde/windowed-key.ts'
import { openWindowStore } from './open-window-store.ts'
import { WindowedUnderTest } from './windowed-under-test.fixtures.ts'

const KEYS = 1_000
const WINDOWS = 200
const RETAINED = 20
const SECOND = 1_000

test('of two hundred thousand windows memory holds none, and disk those of the retention', async () => {
  const spec = {
    kind: 'window' as const,
    name: 'windows',
    key: timeWindowed(string, SECOND),
    innerKey: string,
    value: json<number>(),
    backend: 'lmdb' as const,
    logged: false,
    changelogConfigs: {},
    cached: false,
    retentionMs: RETAINED * SECOND,
    sizeMs: 60_000,
    groupMs: SECOND,
    duplicates: false,
  }
  await using under = await WindowedUnderTest.open(
    { backend: 'lmdb', cacheMaxBytes: 0 },
    (context) => openWindowStore(spec, { ...context, changelog: undefined }),
  )
  for (let window = 0; window < WINDOWS; window++) {
    const startMs = window * SECOND
    for (let key = 0; key < KEYS; key++) {
      under.store.put(
        { key: `key-${key}`, window: { startMs, endMs: startMs + SECOND } },
        window,
        startMs,
      )
    }
    under.commit()
    expect(under.handle.dirtyBytes()).toBe(0)
  }
  // Segments of a minute: the least that is deleted at once.
  expect(under.localRows).toBeLessThanOrEqual((RETAINED + 60 + 1) * KEYS)
  const latest = (WINDOWS - 1) * SECOND
  expect([...under.store.fetchAll(0, latest)]).toHaveLength(RETAINED * KEYS)
  expect([...under.store.fetch('key-7', 0, latest)].at(-1)?.[1]).toBe(WINDOWS - 1)
}, 60_000)
