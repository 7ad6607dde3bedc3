import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { OrderedByteMap } from './ordered-byte-map.ts'

const keysOf = (entries: Iterable<readonly [string, string]>): string[] =>
  [...entries].map(([key]) => key)

test('what was only ever appended is sorted all the same', () => {
  const map = new OrderedByteMap<string>()
  const keys = ['c', 'a', '', 'bb', 'b']
  for (const key of keys) map.append(key, `value of ${key}`)
  expect(map.size).toBe(5)
  expect(map.sorted()).toEqual(keys.toSorted().map((key) => `value of ${key}`))
  expect(map.get('bb')).toBe('value of bb')
  map.append('aa', 'later')
  expect(map.sorted()[2]).toBe('later')
  map.clear()
  expect([map.size, map.sorted(), map.get('a')]).toEqual([0, [], undefined])
})

test('keys are ordered by unsigned bytes, then by length', () => {
  const map = new OrderedByteMap<string>()
  for (const key of ['b', '\u00ff', '', 'a', '\u0000', 'ab', '\u0080']) map.set(key, key)
  expect(keysOf(map.entries(null, null, 'forward'))).toEqual([
    '',
    '\u0000',
    'a',
    'ab',
    'b',
    '\u0080',
    '\u00ff',
  ])
})

describe.each([1, 2, 3, 4, 5])('a map of bytes, seed %i', (seed) => {
  const random = seededRandom(seed)
  const upTo = (end: number): number => Math.floor(random() * end)
  // Few keys are hit often, many seldom: chunks split, empty and merge.
  const anyKey = (): string => String(upTo(random() < 0.5 ? 50 : 5_000))

  test('gives what a sorted list gives', () => {
    const map = new OrderedByteMap<string>()
    const model = new Map<string, string>()
    for (let step = 0; step < 20_000; step++) {
      const key = anyKey()
      // It grows, shrinks to almost nothing, and grows again.
      if (random() < (Math.floor(step / 5_000) % 2 === 0 ? 0.8 : 0.05)) {
        if (model.has(key)) map.set(key, String(step))
        else map.append(key, String(step))
        model.set(key, String(step))
      } else {
        const victim = random() < 0.5 ? key : (model.keys().next().value ?? key)
        expect(map.delete(victim)).toBe(model.delete(victim))
      }
      if (step % 500 !== 0) continue
      const [from, to] = [random() < 0.2 ? null : anyKey(), random() < 0.2 ? null : anyKey()]
      const expected = [...model]
        .filter(([each]) => (from === null || each >= from) && (to === null || each < to))
        .sort(([a], [b]) => (a < b ? -1 : 1))
      expect([...map.entries(from, to, 'forward')]).toEqual(expected)
      expect([...map.entries(from, to, 'backward')]).toEqual(expected.toReversed())
      expect(map.size).toBe(model.size)
      expect(map.sorted()).toEqual(
        [...model].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, v]) => v),
      )
    }
  })

  test('is iterated while it changes: what stays is given once, in order', () => {
    const map = new OrderedByteMap<string>()
    const stays = Array.from({ length: 2_000 }, () => `stays-${upTo(1e9)}`)
    for (const key of stays) map.set(key, 'stays')
    for (const direction of ['forward', 'backward'] as const) {
      const seen: string[] = []
      for (const [key, value] of map.entries(null, null, direction)) {
        if (value === 'stays') seen.push(key)
        for (let change = upTo(3); change > 0; change--) {
          const other = `stays-${upTo(1e9)}+`
          if (random() < 0.7) map.set(other, 'comes and goes')
          else map.delete(`${key}+`)
        }
        if (seen.length > stays.length) break
      }
      const sorted = [...new Set(stays)].sort()
      expect(seen).toEqual(direction === 'forward' ? sorted : sorted.toReversed())
    }
  })
})
