import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { json } from '../../serde/json.ts'
import { string } from '../../serde/string.ts'
import { timeWindowed } from '../../serde/windowed-key.ts'
import type { StoreHandle } from '../store.ts'
import type { WindowStoreSpec } from '../store-spec.ts'
import type { RecordRows, WindowStore } from '../window-store.ts'
import { openWindowStore } from './open-window-store.ts'
import { isProgress } from './saved-progress.ts'
import { WindowedUnderTest, type Kind } from './windowed-under-test.fixtures.ts'

type Store = WindowStore<string, string> & RecordRows<string, string>

const SIZE_MS = 1_000
const RETENTION_MS = 150_000

const spec = (groupMs: number): WindowStoreSpec<string, string> => ({
  kind: 'window',
  name: 'windows',
  key: timeWindowed(string, SIZE_MS),
  innerKey: string,
  value: json<string>(),
  backend: 'memory',
  logged: true,
  changelogConfigs: {},
  cached: false,
  retentionMs: RETENTION_MS,
  groupMs,
  sizeMs: 60_000,
  duplicates: true,
})

type Opened = StoreHandle & { readonly store: Store }

const open = (backend: Kind['backend'], groupMs: number): Promise<WindowedUnderTest<Store>> =>
  WindowedUnderTest.open(
    { backend, cacheMaxBytes: 0 },
    (context) => openWindowStore(spec(groupMs), context) as unknown as Opened,
  )

const shown = (store: Store, key: string, fromMs: number, toMs: number): string[] => {
  const rows: string[] = []
  const found = store.each(key, fromMs, toMs, (value, startMs) => rows.push(`${startMs} ${value}`))
  assert.equal(found, rows.length > 0)
  return rows
}

/** Random records, also late ones, compared with a list of them all at every look. */
class Walk {
  readonly #under: WindowedUnderTest<Store>
  readonly #random: () => number
  #kept: { readonly key: string; readonly startMs: number; readonly value: string }[] = []
  #committed = 0
  #committedMs = -1
  #latestMs = -1
  #added = 0

  constructor(under: WindowedUnderTest<Store>, seed: number) {
    this.#under = under
    this.#random = seededRandom(seed)
  }

  async step(): Promise<void> {
    const chance = this.#random()
    if (chance < 0.6) this.#add()
    else if (chance < 0.97) this.#look()
    else if (chance < 0.995) this.#commit()
    else await this.#restart()
  }

  #below = (limit: number): number => Math.floor(this.#random() * limit)

  /** A few keys have most records, one begins like another, most have one or two. */
  #key = (): string =>
    this.#random() < 0.3
      ? 'hot'
      : this.#random() < 0.3
        ? `hot${this.#below(3)}`
        : `key-${this.#below(500)}`

  #add(): void {
    const key = this.#key()
    const late = this.#random() < 0.2 ? this.#below(2 * RETENTION_MS) : this.#below(500)
    const startMs = Math.max(0, this.#latestMs + 300 - late)
    // Some are so large that they push others out of memory.
    const value = `${this.#added++}`.padEnd(this.#random() < 0.1 ? 3_000 : 5, '.')
    const latestMs = Math.max(this.#latestMs, startMs)
    const isSeen = this.#under.store.add(key, startMs, value)
    assert.equal(isSeen, startMs > latestMs - RETENTION_MS)
    this.#latestMs = latestMs
    this.#kept.push({ key, startMs, value })
  }

  #look(): void {
    const key = this.#key()
    const fromMs = Math.max(0, this.#latestMs - this.#below(1.2 * RETENTION_MS))
    const toMs = fromMs + this.#below(2 * SIZE_MS)
    const visibleMs = Math.max(fromMs, this.#latestMs - RETENTION_MS + 1)
    const expected = this.#kept
      .filter((row) => row.key === key && row.startMs >= visibleMs && row.startMs <= toMs)
      .toSorted((left, right) => left.startMs - right.startMs)
      .map(({ startMs, value }) => `${startMs} ${value}`)
    assert.deepEqual(shown(this.#under.store, key, fromMs, toMs), expected)
  }

  #commit(): void {
    this.#under.commit()
    this.#committed = this.#kept.length
    this.#committedMs = this.#latestMs
  }

  /** What was logged comes back: that is all that was added, and the last progress. */
  async #restart(): Promise<void> {
    if (this.#random() < 0.5) this.#commit()
    const { log } = this.#under
    // What is not committed, Kafka does not show.
    log.splice(this.#loggedAtCommit(log.length))
    await this.#under.restart()
    this.#kept = this.#kept.slice(0, this.#committed)
    this.#latestMs = this.#committedMs
  }

  #loggedAtCommit(end: number): number {
    const last = this.#under.log.findLastIndex(({ key }) => isProgress(key))
    return last === -1 ? Math.min(end, 0) : last + 1
  }
}

describe.each(['memory', 'lmdb'] as const)('records that are kept on %s', (backend) => {
  test.each([
    [1, 2 * SIZE_MS],
    [2, 2 * SIZE_MS],
    [3, 60_000],
    [4, 100],
  ])('are shown as a plain list of them would, seed %i, groups of %i ms', async (seed, groupMs) => {
    await using under = await open(backend, groupMs)
    const walk = new Walk(under, seed)
    for (let step = 0; step < 2_000; step++) await walk.step()
    expect(under.log.length).toBeGreaterThan(300)
  })

  test('are shown in order when a key has more than memory keeps of it', async () => {
    await using under = await open(backend, 10_000)
    const times = Array.from({ length: 200 }, (_, each) => (each * 7) % 200)
    for (const [index, startMs] of times.entries()) {
      under.store.add('hot', startMs, `${index}`)
      if (index % 50 === 0) under.commit()
    }
    const expected = times
      .map((startMs, index) => ({ startMs, index }))
      .toSorted((left, right) => left.startMs - right.startMs)
      .map(({ startMs, index }) => `${startMs} ${index}`)
    expect(shown(under.store, 'hot', 0, 1_000)).toEqual(expected)
    expect(shown(under.store, 'hot', 50, 59)).toEqual(expected.slice(50, 60))
  })
})
