import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { bytes } from '../../serde/bytes.ts'
import { json } from '../../serde/json.ts'
import { StoreUnderTest } from '../../state/store-under-test.fixture.ts'
import { DueQueue } from './due-queue.ts'

const open = () =>
  StoreUnderTest.open<Uint8Array, string>({
    key: bytes,
    value: json<string>(),
    backend: 'memory',
    cached: false,
    listen: false,
    readCacheMaxBytes: 0,
  })

const stamp = (): number => 0

interface Known {
  readonly timeMs: number
  readonly tie: string
}

const inOrder = (left: Known, right: Known): number =>
  left.timeMs - right.timeMs || Buffer.compare(Buffer.from(left.tie), Buffer.from(right.tie))

describe('a queue of what is due', () => {
  test.for([1, 2, 3, 4])(
    'gives rows in the order of their times, whatever is added meanwhile (seed %i)',
    async (seed) => {
      const random = seededRandom(seed)
      await using under = await open()
      let queue = new DueQueue(under.store, 7, stamp)
      // Others keep their rows in the same store.
      const before = new DueQueue(under.store, 6, stamp)
      const after = new DueQueue(under.store, 8, stamp)
      before.add(5, Buffer.of(1), 'another queue')
      after.add(5, Buffer.of(1), 'another queue')
      let known: Known[] = []
      let nowMs = -2_000
      for (let round = 0; round < 400; round++) {
        const adds = random() < 0.1 ? 60 : Math.floor(random() * 8)
        for (let i = 0; i < adds; i++) {
          const each = {
            timeMs: nowMs + Math.floor(random() * 3_000),
            tie: `k${Math.floor(random() * 9)}`,
          }
          queue.add(each.timeMs, Buffer.from(each.tie), `${each.timeMs} ${each.tie}`)
          known = known.filter((other) => inOrder(other, each) !== 0)
          known.push(each)
        }
        if (random() < 0.3 && known.length > 0) {
          const gone = known[Math.floor(random() * known.length)] as Known
          queue.remove(gone.timeMs, Buffer.from(gone.tie))
          known = known.filter((other) => other !== gone)
        }
        if (random() < 0.05) queue = new DueQueue(under.store, 7, stamp)
        nowMs += Math.floor(random() * 20)
        const due = known.filter(({ timeMs }) => timeMs <= nowMs).toSorted(inOrder)
        known = known.filter(({ timeMs }) => timeMs > nowMs)
        const taken: string[] = []
        for (let next = queue.shift(nowMs); next; next = queue.shift(nowMs)) taken.push(next.row)
        expect(taken).toEqual(due.map(({ timeMs, tie }) => `${timeMs} ${tie}`))
        expect(queue.nextMs()).toBe(Math.min(Infinity, ...known.map(({ timeMs }) => timeMs)))
      }
      expect([before.nextMs(), after.nextMs()]).toEqual([5, 5])
    },
  )

  test('finds all rows again after a restart, however many there are', async () => {
    await using under = await open()
    const queue = new DueQueue(under.store, 1, stamp)
    for (let i = 0; i < 5_000; i++) queue.add(5_000 - i, Buffer.of(1), String(5_000 - i))
    expect(queue.shift(10)?.row).toBe('1')
    await under.restart()
    const again = new DueQueue(under.store, 1, stamp)
    const rows: string[] = []
    for (let next = again.shift(Infinity); next; next = again.shift(Infinity)) rows.push(next.row)
    expect(rows).toEqual(Array.from({ length: 4_999 }, (_, i) => String(i + 2)))
    expect([...under.store.all()]).toEqual([])
  })
})
