import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import { seededRandom, type Random } from '../../core/random.ts'
import { json } from '../../serde/json.ts'
import { string } from '../../serde/string.ts'
import { versionedSpec } from '../versioned-store.contract.ts'
import type { Version, VersionedStore } from '../versioned-store.ts'
import { WindowedUnderTest, type Kind } from '../window/windowed-under-test.fixtures.ts'
import { openVersionedStore } from './open-versioned-store.ts'

const HISTORY_MS = 400

interface Interval {
  readonly fromMs: number
  readonly toMs: number
  readonly value: number | null
}

/** The versions of a key as Kafka Streams has them: the latest one, and a list of others. */
class NaiveVersions {
  #latest: { readonly fromMs: number; readonly value: number } | undefined
  #others: Interval[] = []

  put(value: number | null, timestampMs: number): 'latest' | 'late' {
    const latest = this.#latest
    if (latest !== undefined && timestampMs >= latest.fromMs) {
      if (timestampMs > latest.fromMs) this.#others.push({ ...latest, toMs: timestampMs })
      this.#latest = value === null ? undefined : { fromMs: timestampMs, value }
      return 'latest'
    }
    const around = this.#others.find(
      ({ fromMs, toMs }) => fromMs <= timestampMs && timestampMs < toMs,
    )
    if (around !== undefined) {
      this.#others = this.#others.filter((each) => each !== around)
      if (around.fromMs < timestampMs) this.#others.push({ ...around, toMs: timestampMs })
      this.#others.push({ ...around, fromMs: timestampMs, value })
      return 'late'
    }
    const later = [...this.#others, latest].flatMap((each) =>
      each !== undefined && each.fromMs > timestampMs ? [each.fromMs] : [],
    )
    if (later.length > 0) {
      this.#others.push({ fromMs: timestampMs, toMs: Math.min(...later), value })
      return 'late'
    }
    if (value !== null) this.#latest = { fromMs: timestampMs, value }
    else this.#others.push({ fromMs: timestampMs, toMs: timestampMs, value })
    return 'latest'
  }

  at(asOfMs: number, horizonMs: number): number | undefined {
    if (this.#latest !== undefined && this.#latest.fromMs <= asOfMs) return this.#latest.value
    if (asOfMs < horizonMs) return undefined
    const around = this.#others.find(({ fromMs, toMs }) => fromMs <= asOfMs && asOfMs < toMs)
    return around?.value ?? undefined
  }

  get latest(): number | undefined {
    return this.#latest?.value
  }

  versions(horizonMs: number): Version<number>[] {
    const versions: Version<number>[] = this.#others.flatMap(({ fromMs, toMs, value }) =>
      value !== null && toMs > Math.max(horizonMs, fromMs)
        ? [{ value, timestampMs: fromMs, validToMs: toMs }]
        : [],
    )
    if (this.#latest !== undefined) {
      const { fromMs, value } = this.#latest
      versions.push({ value, timestampMs: fromMs, validToMs: undefined })
    }
    return versions.sort((left, right) => left.timestampMs - right.timestampMs)
  }
}

type Under = WindowedUnderTest<VersionedStore<string, number>>

interface WalkOptions {
  readonly seed: number
  /** Checkpoints may be cut off by a crash. */
  readonly cutsOff: boolean
}

/** Random work on a store as its task does it, compared with lists of versions at every step. */
class Walk {
  readonly #under: Under
  readonly #random: Random
  readonly #cutsOff: boolean
  readonly #model = new Map<string, NaiveVersions>()
  #nowMs = 0
  #observedMs = -1
  #step = 0

  constructor(under: Under, { seed, cutsOff }: WalkOptions) {
    this.#under = under
    this.#random = seededRandom(seed)
    this.#cutsOff = cutsOff
  }

  async step(): Promise<void> {
    const chance = this.#random()
    this.#step++
    if (chance < 0.6) this.#put()
    else if (chance < 0.9) this.#expectVersion()
    else if (chance < 0.95) this.expectAll()
    else if (chance < 0.99) this.#commit()
    else await this.#restart()
  }

  #key = (): string => `key-${Math.floor(this.#random() * 12)}`

  #of(key: string): NaiveVersions {
    let versions = this.#model.get(key)
    if (versions === undefined) this.#model.set(key, (versions = new NaiveVersions()))
    return versions
  }

  get #horizonMs(): number {
    return this.#observedMs - HISTORY_MS
  }

  #time(): number {
    const chance = this.#random()
    if (chance < 0.5) this.#nowMs += Math.floor(this.#random() * 10)
    else if (chance < 0.502) this.#nowMs += 2_000
    // Not at random over the history: equal timestamps must be tried too.
    const agoMs = Math.floor(this.#random() ** 3 * 1.2 * HISTORY_MS)
    return Math.max(0, this.#nowMs - (chance < 0.6 ? 0 : agoMs - (agoMs % 5)))
  }

  #put(): void {
    const [key, timeMs] = [this.#key(), this.#time()]
    const value = this.#random() < 0.3 ? null : this.#step
    // What is replayed onto rows from later on may know more of deletions at a version's own time.
    const timestampMs = this.#cutsOff ? 2 * timeMs + Number(value === null) : timeMs
    const expected =
      timestampMs < this.#horizonMs ? 'expired' : this.#of(key).put(value, timestampMs)
    if (expected !== 'expired') this.#observedMs = Math.max(this.#observedMs, timestampMs)
    assert.equal(this.#under.store.put(key, value, timestampMs), expected)
  }

  #expectVersion(): void {
    const key = this.#key()
    const asOfMs = Math.floor(this.#observedMs + 50 - this.#random() * 1.3 * HISTORY_MS)
    const model = this.#of(key)
    assert.equal(this.#under.store.get(key, asOfMs), model.at(asOfMs, this.#horizonMs))
    assert.equal(this.#under.store.get(key), model.latest)
  }

  expectAll(): void {
    for (const [key, model] of this.#model) {
      const found = [...this.#under.store.versions(key)]
      assert.deepEqual(found, model.versions(this.#horizonMs))
    }
    const rows = [...this.#model].flatMap(([key, { latest }]) =>
      latest === undefined ? [] : [[key, latest] as const],
    )
    rows.sort(([left], [right]) => (left < right ? -1 : 1))
    assert.deepEqual([...this.#under.store.all()], rows)
    assert.deepEqual([...this.#under.store.reverseRange(null, null)], rows.toReversed())
  }

  #commit(): void {
    this.#under.commit()
    assert.equal(this.#under.handle.dirtyBytes(), 0)
  }

  async #restart(): Promise<void> {
    if (this.#cutsOff) this.#under.commitInPart(Math.floor(this.#random() * 60))
    else if (this.#random() < 0.5) this.#under.handle.flush()
    await this.#under.restart()
  }
}

const kinds: readonly Kind[] = [
  { backend: 'memory', cacheMaxBytes: 0 },
  { backend: 'lmdb', cacheMaxBytes: 0 },
]

describe.each(kinds)('a versioned store on $backend', (kind) => {
  const open = (): Promise<Under> =>
    WindowedUnderTest.open(kind, (context) =>
      openVersionedStore(
        versionedSpec(string, json<number>(), HISTORY_MS),
        // So small a cache that it gives way.
        { ...context, readCacheMaxBytes: 1_000 },
      ),
    )

  test.each([1, 2, 3, 4])('finds what a naive list of versions has, seed %i', async (seed) => {
    await using under = await open()
    const walk = new Walk(under, { seed, cutsOff: false })
    for (let step = 0; step < 2_000; step++) await walk.step()
    expect(() => walk.expectAll()).not.toThrow()
  })

  test.each([1, 2, 3, 4])(
    'comes back from a checkpoint that was cut off, seed %i',
    async (seed) => {
      await using under = await open()
      const walk = new Walk(under, { seed, cutsOff: true })
      for (let step = 0; step < 2_000; step++) await walk.step()
      expect(() => walk.expectAll()).not.toThrow()
    },
  )
})
