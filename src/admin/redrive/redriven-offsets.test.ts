import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { RedrivenOffsets } from './redriven-offsets.ts'

const again = (redriven: RedrivenOffsets): RedrivenOffsets => {
  const { position, metadata } = redriven.committed()
  return RedrivenOffsets.from(position, metadata)
}

describe('offsets that are done with', () => {
  test('are all that lie below the position', () => {
    const redriven = RedrivenOffsets.from(5, '')
    expect([4, 5].map((offset) => redriven.has(offset))).toEqual([true, false])
    redriven.add(5, 7)
    expect(redriven.committed()).toEqual({ position: 7, metadata: '' })
  })

  test('may lie beyond what is left', () => {
    const redriven = RedrivenOffsets.from(0, '')
    redriven.add(3, 4)
    redriven.add(6, 9)
    expect(redriven.position).toBe(0)
    const later = again(redriven)
    const done = Array.from({ length: 11 }, (_, offset) => offset).filter((at) => later.has(at))
    expect(done).toEqual([3, 6, 7, 8])
    later.add(0, 3)
    expect(later.position).toBe(4)
    later.add(4, 6)
    expect(later.committed()).toEqual({ position: 9, metadata: '' })
  })

  test.for([1, 2, 3, 4, 5])('are those of a plain set (seed %i)', (seed) => {
    const random = seededRandom(seed)
    const plain = new Set<number>()
    let redriven = RedrivenOffsets.from(0, '')
    for (let step = 0; step < 200; step += 1) {
      const start = Math.floor(random() * 300)
      const end = start + Math.floor(random() * 8)
      redriven.add(start, end)
      for (let offset = start; offset < end; offset += 1) plain.add(offset)
      if (step % 20 === 0) redriven = again(redriven)
    }
    for (let offset = 0; offset < 310; offset += 1) {
      expect([offset, redriven.has(offset)]).toEqual([offset, plain.has(offset)])
    }
    const firstLeft = Array.from({ length: 400 }, (_, offset) => offset).find(
      (at) => !plain.has(at),
    )
    expect(redriven.position).toBe(firstLeft)
  })

  test('of every other one of thousands can be remembered', () => {
    const redriven = RedrivenOffsets.from(0, '')
    for (let offset = 1; offset < 20_000; offset += 2) redriven.add(offset, offset + 1)
    const later = again(redriven)
    expect([9_998, 9_999].map((offset) => later.has(offset))).toEqual([false, true])
  })

  test('of a scatter that is too large to be remembered are refused', () => {
    const random = seededRandom(9)
    const redriven = RedrivenOffsets.from(0, '')
    let offset = 1
    for (let range = 0; range < 20_000; range += 1) {
      redriven.add(offset, offset + 1 + Math.floor(random() * 50))
      offset += 52 + Math.floor(random() * 50)
    }
    expect(() => redriven.committed()).toThrow(/more than can be remembered/)
  })

  test('that somebody else has committed are not guessed', () => {
    for (const metadata of ['stream-time=7', 'redriven=%%%', 'redriven=AAAA']) {
      expect(() => RedrivenOffsets.from(3, metadata)).toThrow(/cannot be read/)
    }
  })
})
