import { describe, expect, test } from 'vitest'
import type { Bucket } from '../operators/rate-limit/token-bucket.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { RateLimitOptions } from './rate-limit.ts'
import { deadLetters, topic } from './topic.ts'
import { topology } from './topology.ts'

const calls = topic('calls', { key: string, value: json<number>() })
const passed = topic('passed', { key: string, value: json<number>() })
const over = topic('over', { key: string, value: json<number>() })
const failed = deadLetters('failed')

const headers = [['trace', Buffer.from('t-1')]] as const

/** Ten a second, unless it says otherwise. */
class Calls implements AsyncDisposable {
  readonly driver: TopologyTestDriver

  constructor(options: Partial<RateLimitOptions<number>> = {}) {
    const built = topology('limited', { deadLetters: failed }, (builder) => {
      const stream = builder.stream(calls)
      const limit = {
        name: 'calls-limit',
        records: 10,
        per: '1s',
        overflow: 'drop',
        ...options,
      } as const
      if (limit.overflow === 'side-output') {
        const limited = stream.rateLimit({ ...limit, overflow: 'side-output' })
        limited.overflow.to(over)
        limited.to(passed)
      } else stream.rateLimit(limit as RateLimitOptions<number>).to(passed)
    })
    this.driver = new TopologyTestDriver(built, { startMs: 1_000_000 })
  }

  async call(key: string | null, ...values: number[]): Promise<void> {
    for (const value of values) await this.driver.input(calls).send(key, value)
  }

  async callAt(timestampMs: number, key: string, ...values: number[]): Promise<void> {
    for (const value of values) {
      await this.driver.input(calls).send(key, value, { timestampMs, headers })
    }
  }

  passed = (): string =>
    this.driver
      .output(passed)
      .keyValues()
      .map(([key, value]) => `${key}${value}`)
      .join(' ')

  over(): readonly number[] {
    return this.driver.output(over).values()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.driver[Symbol.asyncDispose]()
  }
}

const to = (end: number, from = 1): number[] =>
  Array.from({ length: end - from + 1 }, (_, index) => from + index)
const named = (key: string, numbers: readonly number[]): string =>
  numbers.map((number) => `${key}${number}`).join(' ')

describe('a limit of ten a second', () => {
  test('lets ten of each key pass at once, then one every hundred milliseconds', async () => {
    await using limited = new Calls()
    await limited.call('a', ...to(12))
    await limited.call('b', 1)
    expect(limited.passed()).toBe(`${named('a', to(10))} b1`)
    expect(limited.driver.counters.dropped).toBe(2)
    await limited.driver.advanceTime('99ms')
    await limited.call('a', 13)
    expect(limited.passed()).toBe('')
    await limited.driver.advanceTime('1ms')
    await limited.call('a', 14, 15)
    expect(limited.passed()).toBe('a14')
    await limited.driver.advanceTime('350ms')
    await limited.call('a', ...to(20, 16))
    expect(limited.passed()).toBe('a16 a17 a18')
  })

  test('is met over a long time, to the record', async () => {
    await using limited = new Calls({ records: 7, per: '1s' })
    for (let ms = 0; ms < 10_000; ms += 5) {
      await limited.call('a', 1)
      await limited.driver.advanceTime('5ms')
    }
    expect(limited.passed().split(' ')).toHaveLength(7 * 10 + 7 - 1)
  })

  test('may let fewer or more pass at once', async () => {
    for (const burst of [1, 25]) {
      await using limited = new Calls({ burst })
      await limited.call('a', ...to(30))
      expect(limited.passed()).toBe(named('a', to(burst)))
      await limited.driver.advanceTime('1s')
      await limited.call('a', ...to(60, 31))
      expect(limited.passed()).toBe(named('a', to(30 + Math.min(10, burst), 31)))
    }
  })

  test('has no place for a record without a key', async () => {
    await using limited = new Calls()
    await limited.call(null, 1)
    expect(limited.passed()).toBe('')
    expect(limited.driver.counters.dropped).toBe(1)
  })
})

describe('a record over the limit', () => {
  test('is counted, whatever becomes of it', async () => {
    for (const overflow of ['drop', 'side-output', 'delay', 'block'] as const) {
      await using limited = new Calls({ overflow })
      await limited.call('a', ...to(12))
      // The eleventh holds up the input, so the twelfth has not come to the limit.
      expect(limited.driver.counters.rateLimited).toBe(overflow === 'block' ? 1 : 2)
    }
  })

  test('goes to a side output', async () => {
    await using limited = new Calls({ overflow: 'side-output' })
    await limited.call('a', ...to(12))
    expect(limited.passed()).toBe(named('a', to(10)))
    expect(limited.over()).toEqual([11, 12])
    expect(limited.driver.counters.dropped).toBe(0)
  })

  test('is counted as dropped where nobody reads the side output', async () => {
    const built = topology('unread', (builder) => {
      builder
        .stream(calls)
        .rateLimit({ name: 'limit', records: 1, per: '1s', overflow: 'side-output' })
        .to(passed)
    })
    await using driver = new TopologyTestDriver(built)
    for (const value of [1, 2]) await driver.input(calls).send('a', value)
    expect(driver.output(passed).values()).toEqual([1])
    expect(driver.counters.dropped).toBe(1)
  })

  test('waits for its turn, as it was and in the order of its key', async () => {
    await using limited = new Calls({ overflow: 'delay' })
    const { driver } = limited
    await limited.callAt(7, 'a', ...to(13))
    await limited.callAt(8, 'b', 1)
    expect(limited.passed()).toBe(`${named('a', to(10))} b1`)
    await driver.advanceTime('100ms')
    expect(driver.output(passed).records()).toEqual([
      { key: 'a', value: 11, timestampMs: 7, headers, partition: 0 },
    ])
    await driver.advanceTime('150ms')
    await limited.call('a', 14)
    expect(limited.passed()).toBe('a12')
    await driver.advanceTime('1s')
    expect(limited.passed()).toBe('a13 a14')
    expect([...driver.store('calls-limit-waiting').all()]).toEqual([])
  })

  test('has failed where too many wait already', async () => {
    await using limited = new Calls({ overflow: 'delay', limit: 3 })
    await limited.call('a', ...to(14))
    await limited.call('b', 1)
    expect(limited.driver.deadLetters()).toMatchObject([
      { code: 'QUEUE_FULL', value: Buffer.from('14'), node: 'rate-limit(calls-limit)' },
    ])
    await limited.driver.advanceTime('1m')
    expect(limited.passed()).toBe(`${named('a', to(10))} b1 a11 a12 a13`)
  })

  test('holds up the input until there is room', async () => {
    await using limited = new Calls({ overflow: 'block' })
    const { driver } = limited
    await limited.call('a', ...to(12))
    await limited.call('b', 1)
    expect(limited.passed()).toBe(named('a', to(10)))
    expect(driver.counters.processed).toBe(11)
    await driver.advanceTime('100ms')
    expect(limited.passed()).toBe('a11')
    await driver.advanceTime('100ms')
    expect(limited.passed()).toBe('a12 b1')
  })

  test('that waited and fails further on is a dead letter as any other', async () => {
    const built = topology('failing', { deadLetters: failed }, (builder) => {
      builder
        .stream(calls)
        .mapValues((value) => ({ value }))
        .rateLimit({ name: 'limit', records: 1, per: '1s', overflow: 'delay' })
        .mapValues(({ value }) => {
          if (value === 2) throw new Error('no two')
          return value
        })
        .to(passed)
    })
    await using driver = new TopologyTestDriver(built)
    for (const value of [1, 2, 3]) await driver.input(calls).send('a', value)
    await driver.advanceTime('1m')
    expect(driver.output(passed).values()).toEqual([1, 3])
    expect(driver.deadLetters()).toMatchObject([
      { message: 'no two', value: Buffer.from('2'), topic: 'calls', offset: 1, attempts: 1 },
    ])
  })
})

describe('a limit by event time', () => {
  test('gives the same answer whenever records are processed', async () => {
    await using limited = new Calls({ clock: 'event-time' })
    await limited.callAt(1_000, 'a', ...to(11))
    await limited.driver.advanceTime('1h')
    await limited.callAt(1_099, 'a', 12)
    await limited.callAt(1_100, 'a', 13)
    // Late: it finds what is left now.
    await limited.callAt(500, 'a', 14)
    await limited.callAt(1_250, 'a', 15)
    expect(limited.passed()).toBe(`${named('a', to(10))} a13 a15`)
  })

  test('delays until records have brought the time', async () => {
    await using limited = new Calls({ clock: 'event-time', overflow: 'delay' })
    await limited.callAt(1_000, 'a', ...to(12))
    await limited.driver.advanceTime('1h')
    expect(limited.passed()).toBe(named('a', to(10)))
    await limited.callAt(1_150, 'b', 1)
    expect(limited.passed()).toBe('b1 a11')
    await limited.callAt(1_200, 'c', 1)
    expect(limited.passed()).toBe('c1 a12')
  })
})

describe('what is kept of a limit', () => {
  test('is forgotten some time after it is whole again', async () => {
    await using limited = new Calls()
    const buckets = limited.driver.store<string, Bucket>('calls-limit')
    const keys = (): readonly string[] => [...buckets.all()].map(([key]) => key)
    await limited.call('a', ...to(10))
    await limited.call('b', 1)
    expect(buckets.get('a')).toEqual({ credits: 0, atMs: 1_000_000 })
    await limited.driver.advanceTime('10500ms')
    expect(keys()).toEqual(['a'])
    await limited.driver.advanceTime('500ms')
    expect(keys()).toEqual([])
    await limited.call('a', ...to(11))
    await limited.driver.advanceTime('10900ms')
    await limited.call('a', ...to(10))
    await limited.driver.advanceTime('1s')
    expect(keys()).toEqual(['a'])
  })

  test('does not grow with keys that come once, also while only records move time', async () => {
    await using limited = new Calls({ clock: 'event-time' })
    const buckets = limited.driver.store<string, Bucket>('calls-limit')
    const sizes: number[] = []
    for (let nth = 0; nth < 8_000; nth++) {
      await limited.callAt(nth * 50, `key-${nth}`, 1)
      if (nth % 1_000 === 999) sizes.push([...buckets.all()].length)
    }
    // At any time some two hundred are not to be forgotten.
    expect(Math.max(...sizes)).toBeLessThan(2_500)
  })
})

test('a flood of one key delays no other, and what waits of it is bounded', async () => {
  await using limited = new Calls({ records: 100, per: '1s', overflow: 'delay', limit: 50 })
  const { driver } = limited
  let flooded = 0
  // Fifty times its limit, for a second.
  for (let ms = 0; ms < 1_000; ms += 20) {
    await limited.call('flood', ...to((flooded += 100), flooded - 99))
    limited.passed()
    await limited.call(`quiet-${ms % 60}`, ms)
    expect(limited.passed()).toBe(`quiet-${ms % 60}${ms}`)
    expect(driver.store<string, unknown>('calls-limit-waiting').approximateCount()).toBeLessThan(60)
    await driver.advanceTime('20ms')
  }
  limited.passed()
  const dead = driver.deadLetters()
  // What passed: a burst of a hundred, and one every ten milliseconds until the last ones came.
  expect(dead).toHaveLength(5_000 - 100 - 98 - 50)
  expect(dead.every(({ code }) => code === 'QUEUE_FULL')).toBe(true)
  await driver.advanceTime('1m')
  // Two passed in the last twenty milliseconds.
  expect(driver.output(passed).values()).toHaveLength(48)
  expect([...driver.store('calls-limit-waiting').all()]).toEqual([])
})

describe('a rate limit is refused', () => {
  const built = (options: Partial<RateLimitOptions<number>>) => () =>
    new Calls({ name: 'limit', ...options })

  test('where it makes no sense', () => {
    expect(built({ records: 0 })).toThrow('rate limit "limit" lets 0 records pass')
    expect(built({ burst: 1.5 })).toThrow('has a burst of 1.5')
    expect(built({ limit: -1 })).toThrow('lets -1 records wait')
    expect(built({ per: '0ms' })).toThrow('is per 0ms')
    expect(built({ overflow: 'queue' as never })).toThrow('does not say what happens')
    expect(built({ overflow: 'block', clock: 'event-time' })).toThrow('would wait for records')
    expect(built({ name: undefined as never })).toThrow('a rate limit has no name')
  })
})

test('a key that was changed is limited where all its records meet', async () => {
  const built = topology('rekeyed', (builder) => {
    builder
      .stream(calls)
      .selectKey((value) => `key-${value % 2}`)
      .rateLimit({ name: 'limit', records: 1, per: '1s', overflow: 'drop' })
      .to(passed)
  })
  expect([...built.repartitions.keys()]).toEqual(['limit'])
  await using driver = new TopologyTestDriver(built)
  for (const value of [1, 2, 3]) await driver.input(calls).send('a', value)
  expect(driver.output(passed).keyValues()).toEqual([
    ['key-1', 1],
    ['key-0', 2],
  ])
})
