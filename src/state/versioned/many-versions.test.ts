import { expect, test } from 'vitest'
import { json } from '../../serde/json.ts'
import { string } from '../../serde/string.ts'
import { versionedSpec } from '../versioned-store.contract.ts'
import { WindowedUnderTest } from '../window/windowed-under-test.fixtures.ts'
import { openVersionedStore } from './open-versioned-store.ts'

const KEYS = 2_000
const ROUNDS = 125
const HISTORY_ROUNDS = 10
const SECOND = 1_000
const HISTORY_MS = HISTORY_ROUNDS * SECOND

test('of a quarter of a million versions memory holds none, and disk those of the history', async () => {
  await using under = await WindowedUnderTest.open(
    { backend: 'lmdb', cacheMaxBytes: 0 },
    (context) =>
      openVersionedStore(versionedSpec(string, json<number>(), HISTORY_MS), {
        ...context,
        changelog: undefined,
      }),
  )
  let rowsMax = 0
  for (let round = 0; round < ROUNDS; round++) {
    for (let key = 0; key < KEYS; key++) under.store.put(`key-${key}`, round, round * SECOND)
    under.commit()
    expect(under.handle.dirtyBytes()).toBe(0)
    rowsMax = Math.max(rowsMax, under.localRows)
  }
  const needed = KEYS * (HISTORY_ROUNDS + 1)
  expect(rowsMax).toBeLessThan(2 * needed)
  expect([...under.store.versions('key-7')]).toHaveLength(HISTORY_ROUNDS + 1)
  expect(under.store.get('key-7', (ROUNDS - 1) * SECOND - HISTORY_MS)).toBe(
    ROUNDS - 1 - HISTORY_ROUNDS,
  )
}, 60_000)
