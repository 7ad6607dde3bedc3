import { expect, test } from 'vitest'
import { MANY, Marks } from './marks.ts'

test('each record is counted for itself, for each question', () => {
  const marks = new Marks(['in', 'out'])
  marks.add(7, 'in')
  marks.add(7, 'out')
  marks.add(7, 'out')
  expect([marks.get(7, 'in'), marks.get(7, 'out')]).toEqual([1, 2])
  expect([marks.isMarked(7), marks.isMarked(6), marks.length]).toEqual([true, false, 8])
})

test('a count ends at many, and touches no other', () => {
  const names = Array.from({ length: 16 }, (_, index) => String(index))
  const marks = new Marks(names)
  for (let times = 0; times < 9; times += 1) marks.add(1, '15')
  expect(names.map((name) => marks.get(1, name))).toEqual([...Array<number>(15).fill(0), MANY])
})

test('there may be more records than room was made for', () => {
  const marks = new Marks(['in'])
  marks.add(3, 'in')
  marks.add(1_000_000, 'in')
  expect([marks.get(3, 'in'), marks.get(1_000_000, 'in'), marks.get(2_000_000, 'in')]).toEqual([
    1, 1, 0,
  ])
})
