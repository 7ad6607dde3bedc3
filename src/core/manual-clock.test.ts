import { describe, expect, test } from 'vitest'
import { ManualClock } from './manual-clock.ts'

describe('a clock moved by hand', () => {
  test('wakes sleepers in the order of time, each at its own time', async () => {
    const clock = new ManualClock(1_000)
    const woken: string[] = []
    const sleeper = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms)
      woken.push(`${name} at ${clock.nowMs()}`)
    }
    void sleeper('late', 30)
    void sleeper('early', 10)
    void sleeper('early too', 10)
    void sleeper('much later', 500)

    await clock.advance(100)

    expect(woken).toEqual(['early at 1010', 'early too at 1010', 'late at 1030'])
    expect(clock.nowMs()).toBe(1_100)
  })

  test('lets what wakes fall asleep again before time goes on', async () => {
    const clock = new ManualClock(0)
    const beats: number[] = []
    void (async () => {
      for (let beat = 0; beat < 5; beat += 1) {
        await clock.sleep(10)
        await Promise.resolve()
        beats.push(clock.nowMs())
      }
    })()

    await clock.advance(35)

    expect(beats).toEqual([10, 20, 30])
  })

  test('an aborted sleep ends at once and is forgotten', async () => {
    const clock = new ManualClock(0)
    const abort = new AbortController()
    const sleeping = clock.sleep(1_000, abort.signal).then(() => clock.nowMs())
    abort.abort()

    expect(await sleeping).toBe(0)
    await clock.advance(2_000)
    expect(clock.nowMs()).toBe(2_000)
  })

  test('a sleep whose signal was aborted before does not wait', async () => {
    const clock = new ManualClock(0)
    await clock.sleep(1_000, AbortSignal.abort())
    expect(clock.nowMs()).toBe(0)
  })

  test('runs work to its end without waiting for real time', async () => {
    const clock = new ManualClock(0)
    const result = await clock.run(async () => {
      await clock.sleep(3_600_000)
      return `done after ${clock.nowMs()} ms`
    })
    expect(result).toBe('done after 3600000 ms')
  })

  test('stands still while the work it runs waits for something else', async () => {
    const clock = new ManualClock(0)
    const reply = Promise.withResolvers<string>()
    const result = clock.run(async () => {
      const text = await reply.promise
      await clock.sleep(10)
      return `${text} at ${clock.nowMs()}`
    })
    setImmediate(() => reply.resolve('served'))
    expect(await result).toBe('served at 10')
  })

  test('hands on the error of the work it runs', async () => {
    const clock = new ManualClock(0)
    const failing = clock.run(async () => {
      await clock.sleep(5)
      throw new Error('spilled')
    })
    await expect(failing).rejects.toThrow('spilled')
  })
})
