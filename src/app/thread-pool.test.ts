import { expect, test } from 'vitest'
import { StreamsError } from '../core/errors.ts'
import { ManualClock } from '../core/manual-clock.ts'
import type { MemoryShare } from '../runtime/thread/thread-config.ts'
import type { ThreadState } from '../runtime/thread/thread-state.ts'
import { ApplicationLife } from './application-state.ts'
import { poolOf, type ApplicationThread } from './pool.fixtures.ts'
import type { ThreadPool } from './thread-pool.ts'
import type { UncaughtErrorPolicy } from './uncaught-error.ts'

/** A thread of which only the life is real. */
class Puppet implements ApplicationThread {
  state: ThreadState = 'created'
  memory: MemoryShare | undefined
  isPaused = false
  leftForGood: boolean | undefined
  readonly silentMs = 0
  readonly group = undefined
  readonly index: number
  readonly threads: number
  readonly #end = Promise.withResolvers<void>()
  readonly finished = this.#end.promise
  readonly #onStateChange: () => void

  constructor(index: number, threads: number, onStateChange: () => void) {
    this.index = index
    this.threads = threads
    this.#onStateChange = onStateChange
  }

  readonly run = (): void => this.#moveTo('running')
  stop = (forGood = false): void => {
    this.leftForGood = forGood
    if (this.state === 'failed') return
    this.#moveTo('stopped')
    this.#end.resolve()
  }
  readonly fail = (error: unknown): void => {
    this.#moveTo('failed')
    this.#end.reject(error)
  }
  readonly pause = (paused: boolean): void => void (this.isPaused = paused)
  readonly share = (memory: MemoryShare): void => void (this.memory = memory)
  readonly snapshot = () => Promise.resolve(undefined)
  readonly get = () => Promise.resolve(undefined)
  readonly scan = () => Promise.resolve(undefined)

  #moveTo(state: ThreadState): void {
    this.state = state
    this.#onStateChange()
  }
}

interface Scene {
  readonly pool: ThreadPool
  readonly life: ApplicationLife
  readonly clock: ManualClock
  /** All that were ever started, in that order. */
  readonly started: readonly Puppet[]
  readonly told: readonly string[]
}

function scene(threads: number, onUncaughtError: UncaughtErrorPolicy = 'stop-client'): Scene {
  const [life, clock] = [new ApplicationLife(), new ManualClock(0)]
  const started: Puppet[] = []
  const told: string[] = []
  const startThread = (...args: ConstructorParameters<typeof Puppet>): Puppet => {
    const thread = new Puppet(...args)
    started.push(thread)
    return thread
  }
  const stopApplication = async (error: StreamsError, thread: number): Promise<void> => {
    told.push(`${thread}: ${error.message}`)
  }
  const pool = poolOf(threads, startThread, life, { onUncaughtError, stopApplication, clock })
  pool.finished.catch(() => {})
  return { pool, life, clock, started, told }
}

const broken = new StreamsError('PROCESSING_FAILED', { message: 'broken', hint: 'Mend it.' })
const numbers = (pool: ThreadPool): readonly number[] => pool.entries.map(([index]) => index)

test('a thread that is added takes the first number that is free, and its share', async () => {
  const { pool, started } = scene(2)
  expect(pool.add()).toBe(2)
  expect(started.map(({ index, threads }) => [index, threads])).toEqual([
    [0, 2],
    [1, 2],
    [2, 3],
  ])
  const MIB = 1024 * 1024
  expect(started[0]?.memory?.dirtyBytesMax).toBeCloseTo((128 * MIB) / 3)
  expect(await pool.remove()).toBe(2)
  expect(started[2]?.leftForGood).toBe(true)
  expect(started[0]?.memory?.dirtyBytesMax).toBe(64 * MIB)
  expect(pool.add()).toBe(2)
  expect(numbers(pool)).toEqual([0, 1, 2])
})

test('threads that are to go at a time are different ones, and none of them is replaced', async () => {
  const { pool, started } = scene(3, 'replace-thread')
  for (const thread of started) thread.stop = (forGood) => void (thread.leftForGood = forGood)
  const removed = [pool.remove(), pool.remove()]
  started[2]?.fail(broken)
  started[1]?.fail(broken)
  expect(await Promise.all(removed)).toEqual([2, 1])
  expect(numbers(pool)).toEqual([0])
  expect(started.map(({ leftForGood }) => leftForGood)).toEqual([undefined, true, true])
  expect(pool.add()).toBe(1)
})

test('an application without threads is not running, and goes on when it has one again', async () => {
  const { pool, life, started } = scene(1)
  started[0]?.run()
  expect(life.state).toBe('running')
  expect(await pool.remove()).toBe(0)
  expect(await pool.remove()).toBeUndefined()
  expect(life.state).toBe('rebalancing')
  expect(pool.add()).toBe(0)
  started[1]?.run()
  expect(life.state).toBe('running')
  pool.stop()
  await pool.finished
  expect(pool.add()).toBeUndefined()
  expect(await pool.remove()).toBeUndefined()
})

test('a pause is for every thread, those that come later too', () => {
  const { pool, started } = scene(1)
  pool.pause(true)
  pool.add()
  expect(started.map(({ isPaused }) => isPaused)).toEqual([true, true])
  pool.pause(false)
  expect(started.map(({ isPaused }) => isPaused)).toEqual([false, false])
})

test('by default the first thread that fails stops the others, which finish', async () => {
  const { pool, life, started } = scene(3)
  started[1]?.fail(broken)
  await expect(pool.finished).rejects.toBe(broken)
  expect(started.map(({ state }) => state)).toEqual(['stopped', 'failed', 'stopped'])
  expect(life.state).toBe('pending-error')
  expect(pool.failedCount).toBe(1)
})

test('a thread that is to be replaced is, after a pause, under its own number', async () => {
  const { pool, life, clock, started } = scene(2, 'replace-thread')
  for (const thread of started) thread.run()
  started[0]?.fail(broken)
  await clock.advance(999)
  expect(numbers(pool)).toEqual([1])
  expect(life.state).toBe('rebalancing')
  await clock.advance(1)
  expect(started.map(({ index }) => index)).toEqual([0, 1, 0])
  started[2]?.run()
  expect(life.state).toBe('running')
  pool.stop()
  await pool.finished
})

test('a thread that fails again and again is replaced ever later, and at last not any more', async () => {
  const { pool, clock, started } = scene(1, 'replace-thread')
  const pauses: number[] = []
  for (let failures = 0; failures < 10; failures += 1) {
    const sinceMs = clock.nowMs()
    started.at(-1)?.fail(broken)
    while (started.length === failures + 1) await clock.advance(500)
    pauses.push((clock.nowMs() - sinceMs) / 1_000)
  }
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60])
  started.at(-1)?.fail(broken)
  await expect(pool.finished).rejects.toBe(broken)
  expect([started.length, pool.failedCount]).toEqual([11, 11])
})

test('who fails seldom is always replaced', async () => {
  const { pool, clock, started } = scene(1, 'replace-thread')
  for (let failures = 1; failures <= 30; failures += 1) {
    started.at(-1)?.fail(broken)
    await clock.advance(1_000)
    expect(started).toHaveLength(failures + 1)
    await clock.advance(300_000)
  }
  pool.stop()
  await pool.finished
})

test('a stop does not wait for a thread that is about to be replaced', async () => {
  const { pool, clock, started } = scene(1, 'replace-thread')
  started[0]?.fail(broken)
  await clock.advance(10)
  pool.stop()
  await pool.finished
  expect(started).toHaveLength(1)
})

test('the other instances are told, and the application does not end before they are', async () => {
  const { pool, started, told } = scene(2, 'stop-application')
  started[1]?.fail(broken)
  await expect(pool.finished).rejects.toBe(broken)
  expect(told).toEqual(['1: broken'])
})

test('a function decides by the error; one that fails, or says nothing, stops the client', async () => {
  const kind = (error: StreamsError) =>
    error.message === 'broken' ? 'replace-thread' : 'stop-application'
  const some = scene(2, kind)
  some.started[0]?.fail(broken)
  await some.clock.advance(1_000)
  expect(some.started).toHaveLength(3)
  some.started[1]?.fail(new Error('worse'))
  await expect(some.pool.finished).rejects.toMatchObject({ code: 'THREAD_FAILED' })
  expect(some.told).toEqual(['1: a stream thread died: worse'])
  for (const policy of [() => undefined as never, () => JSON.parse('{')]) {
    const { pool, started, told } = scene(1, policy)
    started[0]?.fail(broken)
    await expect(pool.finished).rejects.toBe(broken)
    expect(told).toEqual([])
  }
})

test.for(['APPLICATION_STOPPED', 'INVALID_CONFIG', 'INVALID_TOPOLOGY'] as const)(
  '%s stops the client, whatever the policy: no thread is better off, and no other instance meant',
  async (code) => {
    for (const policy of ['replace-thread', 'stop-application'] as const) {
      const { pool, started, told } = scene(1, policy)
      const error = new StreamsError(code, { message: 'it is so', hint: 'See to it.' })
      started[0]?.fail(error)
      await expect(pool.finished).rejects.toBe(error)
      expect(told).toEqual([])
    }
  },
)
