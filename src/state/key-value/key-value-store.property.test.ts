import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { json } from '../../serde/json.ts'
import { string } from '../../serde/string.ts'
import type { Kind } from '../key-value-store.contract.ts'
import { StoreUnderTest } from '../store-under-test.fixture.ts'

interface Row {
  readonly value: number
  readonly timestampMs: number
}

/**
 * Random work on a store as its task does it, with commits, checkpoints and crashes, compared with
 * a plain Map at every step; and what it logs and announces, with what it holds at each commit.
 */
class Walk {
  readonly #under: StoreUnderTest<string, number>
  readonly #random: () => number
  #model = new Map<string, Row>()
  /** As of the last commit; a crash goes back to it. */
  #committed = { rows: new Map<string, Row>(), logged: 0 }
  /** What a step behind the store would hold. */
  #downstream = new Map<string, number>()
  #step = 0

  constructor(under: StoreUnderTest<string, number>, seed: number) {
    this.#under = under
    this.#random = seededRandom(seed)
  }

  async step(): Promise<void> {
    const chance = this.#random()
    this.#under.process(++this.#step, this.#step)
    if (chance < 0.5) this.#put()
    else if (chance < 0.55) this.#under.store.putIfAbsent(...this.#absent())
    else if (chance < 0.6) this.#delete()
    else if (chance < 0.8) this.#expectRow()
    else if (chance < 0.9) this.#expectRange()
    else if (chance < 0.97) this.#commit()
    else if (chance < 0.985) this.#checkpoint()
    else await this.#crash()
  }

  /** What the store holds, and what it should. */
  rows(): Record<'found' | 'expected', readonly (readonly [key: string, value: number])[]> {
    const expected = [...this.#model]
      .map(([key, { value }]) => [key, value] as const)
      // The keys are such that their order is that of their bytes.
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return { found: [...this.#under.store.all()], expected }
  }

  #key(): string {
    const key = Math.floor(this.#random() * 120)
    // Now and then one that is not what its bytes deserialise to.
    return key === 0 && this.#random() < 0.1 ? '\ud800' : key === 1 ? '\ufffd' : `key-${key}`
  }

  #rowKey = (key: string): string => key.toWellFormed()

  #put(): void {
    const [key, value] = [this.#key(), this.#step]
    const timestampMs = this.#random() < 0.5 ? undefined : Math.floor(this.#random() * 1e12)
    this.#under.store.put(key, value, timestampMs)
    this.#model.set(this.#rowKey(key), { value, timestampMs: timestampMs ?? this.#step })
  }

  #absent(): [key: string, value: number] {
    const key = this.#key()
    const row = { value: this.#step, timestampMs: this.#step }
    if (!this.#model.has(this.#rowKey(key))) this.#model.set(this.#rowKey(key), row)
    return [key, this.#step]
  }

  #delete(): void {
    const key = this.#key()
    assert.equal(this.#under.store.delete(key), this.#model.get(this.#rowKey(key))?.value)
    this.#model.delete(this.#rowKey(key))
  }

  #expectRow(): void {
    const key = this.#key()
    assert.deepEqual(this.#under.store.getWithTimestamp(key), this.#model.get(this.#rowKey(key)))
  }

  #expectRange(): void {
    const { store } = this.#under
    const { found, expected: rows } = this.rows()
    assert.deepEqual(found, rows)
    const [from, to] = [this.#key(), this.#key()].map(this.#rowKey).sort() as [string, string]
    const between = rows.filter(([key]) => key >= from && key <= to)
    assert.deepEqual([...store.range(from, to)], between)
    assert.deepEqual([...store.reverseRange(from, to)], between.toReversed())
    assert.deepEqual(
      [...store.prefixScan(Buffer.from('key-1'))],
      rows.filter(([key]) => key.startsWith('key-1')),
    )
    assert.equal(store.approximateCount(), rows.length)
  }

  #commit(): void {
    this.#under.handle.flush()
    const rows = new Map(this.#model)
    assert.deepEqual(this.#replayed(), rows)
    this.#followNews()
    if (this.#under.isCached) {
      assert.deepEqual(this.#downstream, new Map([...rows].map(([key, { value }]) => [key, value])))
    }
    this.#committed = { rows, logged: this.#under.log.length }
  }

  #checkpoint(): void {
    this.#commit()
    this.#under.checkpoint()
    assert.equal(this.#under.handle.dirtyBytes(), 0)
  }

  async #crash(): Promise<void> {
    this.#under.log.length = this.#committed.logged
    this.#under.announced.length = 0
    this.#model = new Map(this.#committed.rows)
    this.#downstream = new Map([...this.#model].map(([key, { value }]) => [key, value]))
    await this.#under.restart()
    this.#expectRange()
  }

  /** What a restore of the whole changelog would give. */
  #replayed(): Map<string, Row> {
    const rows = new Map<string, Row>()
    for (const { key, value, timestampMs } of this.#under.log) {
      const text = string.deserialize(key)
      if (value === null) rows.delete(text)
      else rows.set(text, { value: json<number>().deserialize(value), timestampMs })
    }
    return rows
  }

  /** Each announcement must start from what the one before it left. */
  #followNews(): void {
    for (const { key, newValue, oldValue } of this.#under.announced.splice(0)) {
      const rowKey = this.#rowKey(key)
      assert.equal(oldValue, this.#downstream.get(rowKey) ?? null)
      assert.notDeepEqual([newValue, oldValue], [null, null])
      if (newValue === null) this.#downstream.delete(rowKey)
      else this.#downstream.set(rowKey, newValue)
    }
  }
}

const kinds: readonly (Kind & { readonly caches: number })[] = [
  { backend: 'memory', cached: false, caches: 100_000 },
  { backend: 'memory', cached: true, caches: 100_000 },
  { backend: 'memory', cached: true, caches: 8_000 },
  { backend: 'lmdb', cached: false, caches: 8_000 },
  { backend: 'lmdb', cached: true, caches: 8_000 },
  { backend: 'lmdb', cached: true, caches: 100_000 },
]

describe.each(kinds)('a store on $backend, cached: $cached, caches of $caches bytes', (kind) => {
  test.each([1, 2, 3])('never differs from a plain map, seed %i', async (seed) => {
    await using under = await StoreUnderTest.open({
      key: string,
      value: json<number>(),
      ...kind,
      cacheMaxBytes: kind.caches,
      readCacheMaxBytes: kind.caches,
    })
    const walk = new Walk(under, seed)
    for (let step = 0; step < 700; step++) await walk.step()
    const { found, expected } = walk.rows()
    expect(found).toEqual(expected)
  })
})
