import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { entriesOf } from '../backend.contract.ts'
import type { StateBackend } from '../backend.ts'
import { openLmdbBackend } from '../lmdb/lmdb-backend.ts'
import { memoryBackend } from '../memory/memory-backend.ts'
import type { CheckpointSlice } from '../store.ts'
import { type DirtyEntry, WriteBuffer } from './write-buffer.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

async function withBackend(
  kind: 'memory' | 'lmdb',
  use: (backend: StateBackend) => void,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-buffer-'))
  const backend = kind === 'memory' ? memoryBackend() : openLmdbBackend(directory)
  try {
    use(backend)
  } finally {
    await backend.close()
    await rm(directory, { recursive: true })
  }
}

test('what is dirty hides what is below, and the backend does not see it', () =>
  withBackend('memory', (backend) => {
    const entries = [
      [bytes('a'), bytes('1')],
      [bytes('b'), bytes('1')],
    ] as const
    backend.checkpoint([{ store: 'rows', entries, position: 1 }])
    const buffer = new WriteBuffer(backend.store('rows'))
    buffer.put('a', '2')
    buffer.put('b', null)
    buffer.put('c', '2')
    expect(entriesOf(buffer)).toEqual([
      ['a', '2'],
      ['c', '2'],
    ])
    expect(buffer.get(bytes('b'))).toBeUndefined()
    expect(buffer.approximateCount()).toBe(2)
    expect(entriesOf(backend.store('rows')).join(' ')).toBe('a,1 b,1')
    buffer.clear()
    expect(entriesOf(buffer).join(' ')).toBe('a,1 b,1')
    expect(buffer.dirtyBytes()).toBe(0)
  }))

test('a checkpoint takes what is dirty now, and hands it out in sorted slices', () =>
  withBackend('memory', (backend) => {
    const buffer = new WriteBuffer(backend.store('rows'), { sliceRowsMax: 2 })
    for (const key of ['d', 'b', 'e', 'a', 'c']) buffer.put(key, '1')
    const slices = buffer.checkpoint()
    buffer.put('b', '2')
    buffer.put('c', null)
    buffer.put('f', '2')
    const handedOut: object[] = []
    for (const { entries, isLast } of slices) {
      backend.checkpoint([{ store: 'rows', entries, position: 1 }])
      expect(entriesOf(buffer).join(' ')).toBe('a,1 b,2 d,1 e,1 f,2')
      expect(buffer.approximateCount()).toBe(5)
      handedOut.push({ keys: entries.map(([key]) => String(key)).join(' '), isLast })
    }
    expect(handedOut).toEqual([
      { keys: 'a b', isLast: false },
      { keys: 'c d', isLast: false },
      { keys: 'e', isLast: true },
    ])
    writeAll(backend, buffer.checkpoint())
    expect(entriesOf(backend.store('rows')).join(' ')).toBe('a,1 b,2 d,1 e,1 f,2')
    expect(buffer.dirtyBytes()).toBe(0)
  }))

test('what is dropped in the middle of a checkpoint is not handed out', () =>
  withBackend('memory', (backend) => {
    const buffer = new WriteBuffer(backend.store('rows'), { sliceRowsMax: 1 })
    buffer.put('a', '1')
    buffer.put('b', '1')
    const slices = buffer.checkpoint()
    slices.next()
    buffer.clear()
    expect([...slices]).toEqual([])
    expect([buffer.dirtyBytes(), entriesOf(buffer)]).toEqual([0, []])
    buffer.put('c', '1')
    expect([...buffer.checkpoint()]).toHaveLength(1)
  }))

test('an entry from before a checkpoint is as good as a new put', () =>
  withBackend('memory', (backend) => {
    const buffer = new WriteBuffer(backend.store('rows'))
    const old = buffer.put('a', '1')
    writeAll(backend, buffer.checkpoint())
    const direct = buffer.put('a', '2')
    const again = buffer.putAgain(old, '3')
    expect(entriesOf(buffer)).toEqual([['a', '3']])
    buffer.putAgain(direct, '4')
    expect(buffer.putAgain(again, '5')).toBe(direct)
    expect(entriesOf(buffer)).toEqual([['a', '5']])
    const entries = [[bytes('a'), bytes('5')]]
    expect([...buffer.checkpoint()]).toEqual([{ entries, isLast: true }])
  }))

test('a large buffer knows its count roughly', () =>
  withBackend('memory', (backend) => {
    const buffer = new WriteBuffer(backend.store('rows'))
    for (let row = 0; row < 10_000; row++) buffer.put(String(row), 'new')
    expect(buffer.approximateCount()).toBe(10_000)
  }))

/** As the task does it, but at once. */
function writeAll(backend: StateBackend, slices: Iterable<CheckpointSlice>): void {
  for (const { entries } of slices) backend.checkpoint([{ store: 'rows', entries, position: 1 }])
}

/** Random work on a buffer, compared with a plain Map at every step. */
class Walk {
  readonly #backend: StateBackend
  readonly #buffer: WriteBuffer
  readonly #random: () => number
  readonly #model = new Map<string, string>()
  readonly #entries = new Map<string, DirtyEntry>()
  #slices: Iterator<CheckpointSlice, undefined> | undefined

  constructor(backend: StateBackend, seed: number) {
    this.#backend = backend
    this.#buffer = new WriteBuffer(backend.store('rows'), {
      sliceRowsMax: 50,
      isOrdered: seed % 2 === 0,
    })
    this.#random = seededRandom(seed)
  }

  step(): void {
    const chance = this.#random()
    if (chance < 0.7) this.#put(this.#key(), this.#random() < 0.7 ? String(chance) : null)
    else if (chance < 0.8) this.#expectRange()
    else if (chance < 0.83) this.#checkpoint()
    else if (chance < 0.85) this.#rangeWhileChanging()
    else this.#expectRow(this.#key())
  }

  #key = (): string => String(Math.floor(this.#random() * 300))

  #bound = (): string | null => (this.#random() < 0.2 ? null : this.#key())

  #put(key: string, value: string | null): void {
    const known = this.#entries.get(key)
    const entry =
      known === undefined || this.#random() < 0.5
        ? this.#buffer.put(key, value)
        : this.#buffer.putAgain(known, value)
    this.#entries.set(key, entry)
    if (value === null) this.#model.delete(key)
    else this.#model.set(key, value)
  }

  #expectRow(key: string): void {
    const stored = this.#buffer.get(bytes(key))
    assert.equal(stored && Buffer.from(stored).toString('latin1'), this.#model.get(key))
  }

  #expectRange(): void {
    const [from, to] = [this.#bound(), this.#bound()]
    const expected = this.sorted().filter(
      ([key]) => (from === null || key >= from) && (to === null || key < to),
    )
    const range = [from, to].map((bound) => (bound === null ? null : bytes(bound)))
    assert.deepEqual(entriesOf(this.#buffer, range[0], range[1], 'forward'), expected)
    assert.deepEqual(entriesOf(this.#buffer, range[0], range[1], 'backward'), expected.toReversed())
  }

  /** Begins a checkpoint, or goes on with the one under way. */
  #checkpoint(): void {
    this.#slices ??= this.#buffer.checkpoint()
    const slice = this.#slices.next().value
    if (slice === undefined) {
      this.#slices = undefined
    } else {
      const keys = slice.entries.map(([key]) => Buffer.from(key).toString('latin1'))
      assert.deepEqual(keys, keys.toSorted())
      this.#backend.checkpoint([{ store: 'rows', entries: slice.entries, position: 1 }])
    }
    assert.deepEqual(entriesOf(this.#buffer), this.sorted())
    assert.equal(this.#buffer.approximateCount(), this.#model.size)
  }

  /** Now all of it is in the backend. */
  finish(): void {
    while (this.#slices !== undefined) this.#checkpoint()
    writeAll(this.#backend, this.#buffer.checkpoint())
    assert.equal(this.#buffer.dirtyBytes(), 0)
    assert.deepEqual(entriesOf(this.#backend.store('rows')), this.sorted())
  }

  /** What it holds. */
  rows(): readonly (readonly [string, string])[] {
    return entriesOf(this.#buffer)
  }

  #rangeWhileChanging(): void {
    const before = this.sorted().map(([key]) => key)
    const touched = new Set<string>()
    const seen: string[] = []
    const backward = this.#random() < 0.5
    for (const [key] of this.#buffer.range(null, null, backward ? 'backward' : 'forward')) {
      seen.push(Buffer.from(key).toString('latin1'))
      const other = this.#key()
      touched.add(other)
      this.#put(other, this.#random() < 0.5 ? 'during' : null)
      if (this.#random() < 0.05) this.#checkpoint()
    }
    const stayed = before.filter((key) => !touched.has(key))
    assert.deepEqual(
      seen.filter((key) => !touched.has(key)),
      backward ? stayed.toReversed() : stayed,
    )
    assert.equal(new Set(seen).size, seen.length)
  }

  /** What the buffer should hold. */
  sorted(): [string, string][] {
    return [...this.#model].sort(([a], [b]) => (a < b ? -1 : 1))
  }
}

describe.each(['memory', 'lmdb'] as const)('a buffer over the %s backend', (kind) => {
  test.each([1, 2, 3])('reads as one map, seed %i', (seed) =>
    withBackend(kind, (backend) => {
      const walk = new Walk(backend, seed)
      for (let step = 0; step < 1_000; step++) walk.step()
      expect(walk.rows()).toEqual(walk.sorted())
      walk.finish()
    }),
  )
})
