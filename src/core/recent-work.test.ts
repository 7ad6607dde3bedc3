import { expect, test } from 'vitest'
import { RecentWork } from './recent-work.ts'

test('a rate is that of the last 30 to 60 seconds', () => {
  const work = new RecentWork(0)
  work.add(1_000, 300, 30)
  // As if the whole first sample had passed: one burst is no rate.
  expect(work.at(1_000)).toEqual({ rate: 10, averageMs: 0.1, maxMs: 0.1, ratio: 0.001 })
  work.add(31_000, 300, 90)
  expect(work.at(40_000)).toEqual({ rate: 15, averageMs: 0.2, maxMs: 0.3, ratio: 0.003 })
  // The first sample is forgotten with the third one.
  expect(work.at(62_000)).toEqual({
    rate: 300 / 31,
    averageMs: 0.3,
    maxMs: 0.3,
    ratio: 90 / 31_000,
  })
})

test('nothing is left of work that was long ago, nor of a clock that went back', () => {
  const work = new RecentWork(0)
  work.add(1_000, 300, 30)
  expect(work.at(200_000)).toEqual({ rate: 0, averageMs: 0, maxMs: 0, ratio: 0 })
  work.add(201_000, 30, 3)
  expect(work.at(100_000)).toEqual({ rate: 0, averageMs: 0, maxMs: 0, ratio: 0 })
})
