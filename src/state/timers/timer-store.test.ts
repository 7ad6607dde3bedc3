import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { bytes as bytesSerde } from '../../serde/bytes.ts'
import { string } from '../../serde/string.ts'
import type { DueTimer, TimerClock, TimerStore } from '../timer-store.ts'
import { TimersUnderTest } from './timers-under-test.fixtures.ts'

const text = (payload: Uint8Array): string => Buffer.from(payload).toString()

/** Takes out all that is due: `key name time payload`. */
function due(store: TimerStore<string>, clock: TimerClock, untilMs: number): string[] {
  const taken: string[] = []
  for (;;) {
    const timer: DueTimer<string> | undefined = store.take(clock, untilMs)
    if (timer === undefined) return taken
    taken.push(`${timer.key} ${timer.name} ${timer.atMs} ${text(timer.payload)}`)
  }
}

describe.each(['memory', 'lmdb'] as const)('timers over the %s backend', (kind) => {
  const open = (): Promise<TimersUnderTest<string>> => TimersUnderTest.open(kind, string)

  test('survive a restart, from disk and from the changelog', async () => {
    await using under = await open()
    const { store } = under
    store.set('a', 'kept', 10, 'event-time', Buffer.from('1'))
    store.set('a', 'taken', 5, 'event-time', Buffer.from('2'))
    store.set('b', 'cancelled', 5, 'wall-clock', Buffer.from('3'))
    under.commit()
    expect(due(store, 'event-time', 5)).toEqual(['a taken 5 2'])
    store.cancel('b', 'cancelled')
    store.set('b', 'set since', 7, 'wall-clock', Buffer.from('4'))
    under.commit()
    store.set('b', 'not committed', 7, 'wall-clock')
    for (const from of ['disk and changelog', 'changelog'] as const) {
      await under.restart(from)
      expect(under.store.nextMs('event-time')).toBe(10)
      expect(under.store.nextMs('wall-clock')).toBe(7)
    }
    expect(due(under.store, 'event-time', Infinity)).toEqual(['a kept 10 1'])
    expect(due(under.store, 'wall-clock', Infinity)).toEqual(['b set since 7 4'])
  })

  test('that come and go between two commits leave nothing behind', async () => {
    await using under = await open()
    const { store } = under
    store.set('a', 'x', 10, 'wall-clock')
    store.append('a', Buffer.from('waiting'))
    expect(due(store, 'wall-clock', 10)).toEqual(['a x 10 \0'])
    for (const { place } of [...store.queue('a')]) store.remove('a', place)
    expect(under.dirtyBytes()).toBe(0)
    under.commit()
    // The number of the queue's last place, so that it is not given again.
    expect(under.log.map(({ key }) => key[0])).toEqual([0xff])
  })

  test('keep the last payload, and one place in time', async () => {
    await using under = await open()
    const { store } = under
    store.set('a', 'x', 10, 'wall-clock', Buffer.from('1'))
    store.set('a', 'x', 10, 'wall-clock', Buffer.from('2'))
    under.commit()
    expect(under.log).toHaveLength(1)
    store.set('a', 'x', 10, 'wall-clock', Buffer.from('2'))
    under.commit()
    expect(under.log).toHaveLength(1)
    store.set('a', 'x', 10, 'wall-clock', Buffer.from('3'))
    expect(due(store, 'wall-clock', 10)).toEqual(['a x 10 3'])
  })

  test('have a queue for each key, in the order of the puts over restarts', async () => {
    await using under = await open()
    const queue = (key: string): string[] =>
      [...under.store.queue(key)].map(({ payload }) => text(payload))
    for (const [key, what] of ['a 1', 'ab 1', 'a 2'].map((each) => each.split(' '))) {
      under.store.append(key!, Buffer.from(what!))
    }
    under.commit()
    await under.restart()
    under.store.append('a', Buffer.from('3'))
    under.store.set('a', 'timer', 10, 'wall-clock')
    expect([queue('a'), queue('ab'), queue('b')]).toEqual([['1', '2', '3'], ['1'], []])
    const counts = (): number[] => ['a', 'ab', 'b'].map((key) => under.store.count(key))
    expect(counts()).toEqual([4, 1, 0])
    under.store.remove('a', [...under.store.queue('a')][0]!.place)
    expect(queue('a')).toEqual(['2', '3'])
    under.store.append('b', Buffer.from('1'))
    under.store.set('a', 'timer', 10, 'wall-clock', Buffer.from('again'))
    expect(counts()).toEqual([3, 1, 1])
    under.store.cancel('a', 'timer')
    expect(counts()).toEqual([2, 1, 1])
    under.store.set('a', 'timer', 10, 'wall-clock')
    expect([...under.store.all()]).toEqual([
      ['a', [{ name: 'timer', atMs: 10, clock: 'wall-clock' }]],
    ])
  })

  test('are as many as there are, also in ranges by key', async () => {
    await using under = await open()
    for (const key of ['b', 'a', 'c\0', 'c', 'ca']) {
      under.store.set(key, 'x', 1, 'event-time')
      under.store.set(key, 'y', 2, 'wall-clock')
    }
    const { store } = under
    const keys = (entries: Iterable<readonly [string, unknown]>): string =>
      JSON.stringify([...entries].map(([key]) => key))
    for (let round = 0; round < 2; round++) {
      expect(keys(store.all())).toBe(JSON.stringify(['a', 'b', 'c', 'c\0', 'ca']))
      expect(keys(store.range('b', 'c'))).toBe(JSON.stringify(['b', 'c']))
      expect(keys(store.reverseRange(null, 'c\0'))).toBe(JSON.stringify(['c\0', 'c', 'b', 'a']))
      expect(keys(store.prefixScan(Buffer.from('c')))).toBe(JSON.stringify(['c', 'c\0', 'ca']))
      expect(store.approximateCount()).toBe(10)
      under.commit()
    }
    store.put('a', [{ name: 'z', atMs: 3, clock: 'event-time' }])
    expect(store.getWithTimestamp('a')).toEqual({
      value: [{ name: 'z', atMs: 3, clock: 'event-time' }],
      timestampMs: 3,
    })
    expect(store.delete('a')).toHaveLength(1)
    expect(store.get('a')).toBeUndefined()
  })

  test('of bytes with zeros fire in the order of time, then key, then name', async () => {
    await using under = await TimersUnderTest.open(kind, bytesSerde)
    const random = seededRandom(7)
    const expected: { key: Buffer; name: string; atMs: number }[] = []
    for (let count = 0; count < 300; count++) {
      const key = Buffer.from(Array.from({ length: 3 }, () => Math.floor(random() * 3) * 127.5))
      const name = ['', 'a', 'a\0', 'b'][Math.floor(random() * 4)]!
      const atMs = Math.floor(random() * 3) * 2 ** 33
      under.store.set(key.subarray(0, Math.floor(random() * 4)), name, atMs, 'event-time')
    }
    under.commit()
    for (;;) {
      const timer = under.store.take('event-time', Infinity)
      if (timer === undefined) break
      expected.push({ key: Buffer.from(timer.key), name: timer.name, atMs: timer.atMs })
    }
    const sorted = expected.toSorted(
      (a, b) =>
        a.atMs - b.atMs ||
        Buffer.compare(a.key, b.key) ||
        Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
    )
    expect(expected.length).toBeGreaterThan(100)
    expect(expected).toEqual(sorted)
  })

  test.each([1, 2, 3, 4])('are what a sorted list is, whatever happens (seed %i)', async (seed) => {
    await using under = await open()
    const walk = new Walk(under, seed)
    for (let step = 0; step < 1_000; step++) await walk.step()
    await walk.finish()
  })
})

test('a key that cannot be written or read is told so', async () => {
  const broken = (): never => {
    throw new RangeError('no')
  }
  await using under = await TimersUnderTest.open<string>('memory', {
    name: 'broken',
    serialize: (key) => (key === 'a' ? Buffer.from(key) : broken()),
    deserialize: broken,
  })
  const { store } = under
  expect(() => store.set('b', 'x', 1, 'event-time')).toThrow('cannot serialise a key with broken')
  store.set('a', 'x', 1, 'event-time')
  expect(() => store.take('event-time', 1)).toThrow('cannot read a key with broken: no')
})

test('of many timers only those that are due soon are read, and each of them once', async () => {
  await using under = await TimersUnderTest.open('memory', string)
  const { store } = under
  for (let count = 0; count < 50_000; count++) {
    store.set(`key-${(count * 7_919) % 50_000}`, 'expire', 1_000 + count, 'wall-clock')
    if (count % 10_000 === 9_999) under.commit()
  }
  await under.restart()
  under.rowsRead = 0
  let taken = 0
  const take = (untilMs: number): void => {
    while (under.store.take('wall-clock', untilMs) !== undefined) taken += 1
  }
  for (let nowMs = 0; nowMs < 1_500; nowMs += 100) take(nowMs)
  expect(taken).toBe(401)
  // Two reads of 256, and the first row of the next one each time.
  expect(under.rowsRead).toBe(514)
  take(20_000)
  expect(taken).toBe(19_001)
  expect(under.rowsRead).toBeLessThan(taken * 1.02 + 256)
})

/** Random work on a store of timers, compared with a plain list. */
class Walk {
  readonly #under: TimersUnderTest<string>
  readonly #random: () => number
  /** By what tells them apart: their payload. */
  #timers = new Map<string, string>()
  #committed = new Map<string, string>()
  #nowMs = 0

  constructor(under: TimersUnderTest<string>, seed: number) {
    this.#under = under
    this.#random = seededRandom(seed)
  }

  #upTo = (end: number): number => Math.floor(this.#random() * end)

  async step(): Promise<void> {
    const chance = this.#random()
    if (chance < 0.7) this.#set()
    else if (chance < 0.8) this.#cancel()
    else if (chance < 0.9) this.#take(this.#nowMs + this.#upTo(200))
    else if (chance < 0.95) this.#commit()
    else if (chance < 0.99) this.#under.writeSlice()
    else await this.#restart()
  }

  async finish(): Promise<void> {
    this.#commit()
    await this.#restart()
    this.#take(Infinity)
    assert.equal(this.#under.store.nextMs('wall-clock'), Infinity)
  }

  /** Many at once: more than are held in memory. */
  #set(): void {
    const many = this.#random() < 0.003 ? 1_500 : 1
    for (let count = 0; count < many; count++) {
      const key = `k${this.#upTo(200)}`
      const name = `n${this.#upTo(3)}`
      const atMs = this.#nowMs + this.#upTo(20_000) - 100
      const payload = String(this.#upTo(3))
      this.#under.store.set(key, name, atMs, 'wall-clock', Buffer.from(payload))
      this.#timers.set(keyOf(Math.max(0, atMs), key, name), payload)
    }
  }

  #cancel(): void {
    const [key, name] = [`k${this.#upTo(200)}`, `n${this.#upTo(3)}`]
    this.#under.store.cancel(key, name)
    for (const each of this.#timers.keys()) {
      if (each.endsWith(` ${key} ${name}`)) this.#timers.delete(each)
    }
  }

  #take(untilMs: number): void {
    const sorted = [...this.#timers].sort(([a], [b]) => (a < b ? -1 : 1))
    // One more than is taken, so that it is seen where too many are due.
    const take = untilMs === Infinity ? Infinity : 1 + this.#upTo(400)
    for (const [key, payload] of sorted.slice(0, take)) {
      const atMs = Number(key.split(' ')[0])
      assert.equal(this.#under.store.nextMs('wall-clock'), atMs)
      const timer = this.#under.store.take('wall-clock', untilMs)
      if (atMs > untilMs) {
        assert.equal(timer, undefined)
        break
      }
      assert.ok(timer !== undefined)
      assert.equal(keyOf(timer.atMs, timer.key, timer.name), key)
      assert.equal(text(timer.payload), payload)
      this.#timers.delete(key)
    }
    if (untilMs < Infinity) this.#nowMs = untilMs
  }

  #commit(): void {
    this.#under.beginCheckpoint()
    this.#committed = new Map(this.#timers)
  }

  async #restart(): Promise<void> {
    await this.#under.restart(this.#random() < 0.5 ? 'changelog' : 'disk and changelog')
    this.#timers = new Map(this.#committed)
  }
}

const keyOf = (atMs: number, key: string, name: string): string =>
  `${String(atMs).padStart(12, '0')} ${key} ${name}`
