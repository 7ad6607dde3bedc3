import { expect, test } from 'vitest'
import { RecentValues } from './recent-values.ts'

test('values are those of the last 30 to 60 seconds', () => {
  const values = new RecentValues(0)
  values.add(4)
  values.add(-2)
  expect(values.at(1_000)).toEqual({ average: 1, min: -2, max: 4 })
  values.moveOn(31_000)
  values.add(7)
  expect(values.at(40_000)).toEqual({ average: 3, min: -2, max: 7 })
  // The first sample is forgotten with the third one.
  expect(values.at(62_000)).toEqual({ average: 7, min: 7, max: 7 })
})

test('nothing is left of values that were long ago, nor of a clock that went back', () => {
  const values = new RecentValues(0)
  expect(values.at(10)).toEqual({ average: 0, min: 0, max: 0 })
  values.add(4)
  expect(values.at(200_000)).toEqual({ average: 0, min: 0, max: 0 })
  values.add(4)
  expect(values.at(100_000)).toEqual({ average: 0, min: 0, max: 0 })
})
