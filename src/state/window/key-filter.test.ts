import { expect, test } from 'vitest'
import { KeyFilter, KeyHash } from './key-filter.ts'

const hashOf = (key: string): KeyHash => new KeyHash().of(Buffer.from(key))
const hashes = (count: number, name: string): KeyHash[] =>
  Array.from({ length: count }, (_, each) => hashOf(`${name}-${each}`))

test.each([1, 700, 20_000, 300_000])('every one of %i keys is known', (count) => {
  const filter = new KeyFilter()
  const keys = hashes(count, 'order')
  for (const key of keys) filter.add(key)
  expect(keys.filter((key) => !filter.mayHave(key))).toEqual([])
})

test('few of those that were not added are taken for known', () => {
  const filter = new KeyFilter()
  expect(filter.mayHave(hashOf('order-1'))).toBe(false)
  for (const key of hashes(100_000, 'order')) filter.add(key)
  const taken = hashes(300_000, 'payment').filter((key) => filter.mayHave(key))
  expect(taken.length).toBeLessThan(5)
})

test('beyond its bound it takes every key for a known one', () => {
  const filter = new KeyFilter()
  for (const key of hashes(1_500_000, 'order')) filter.add(key)
  expect(hashes(1_000, 'payment').every((key) => filter.mayHave(key))).toBe(true)
})
