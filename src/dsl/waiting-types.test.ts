/** What must not compile about what waits: timers, retries, limits and buffers. */
import { expectTypeOf, test } from 'vitest'
import {
  exponential,
  fixed,
  json,
  string,
  timerStore,
  topic,
  topology,
  type FixedKeyProcessor,
  type Stream,
  type Timer,
  type TopologyBuilder,
} from 'millrace'

interface Payment {
  readonly cents: number
}
const payments = topic('payments', { key: string, value: json<Payment>() })
const amounts = topic('amounts', { key: string, value: json<number>() })
const batches = topic('batches', { key: string, value: json<readonly Payment[]>() })

/** Never built: the types are all. */
const written = (build: (builder: TopologyBuilder) => void): unknown => build
const retry = { attempts: 3, backoff: exponential('1s', '30s') }

test('a retry has attempts and a backoff, and the step a name', () => {
  written((builder) => {
    const stream = builder.stream(payments)
    stream.mapValues(({ cents }) => cents, { name: 'cents', retry }).to(amounts)
    // @ts-expect-error -- a number of another type for the sink
    stream.mapValues(({ cents }) => `${cents}`, { name: 'text', retry }).to(amounts)
    // @ts-expect-error -- no name
    stream.mapValues(({ cents }) => cents, { retry })
    // @ts-expect-error -- no backoff
    stream.peek(() => {}, { name: 'look', retry: { attempts: 3 } })
    // @ts-expect-error -- no attempts
    stream.peek(() => {}, { name: 'look', retry: { backoff: fixed('1s') } })
    // @ts-expect-error -- a wait without a unit
    stream.peek(() => {}, { name: 'look', retry: { attempts: 3, backoff: fixed(300) } })
    // @ts-expect-error -- keys of another type
    stream.peek(() => {}, { name: 'look', retry: { ...retry, key: json<number>() } })
  })
})

test('a rate limit says what becomes of the records over it', () => {
  written((builder) => {
    const stream = builder.stream(payments)
    const limit = { name: 'limit', records: 100, per: '1s' } as const
    expectTypeOf(stream.rateLimit({ ...limit, overflow: 'delay' })).toEqualTypeOf<
      Stream<string, Payment>
    >()
    stream.rateLimit({ ...limit, overflow: 'side-output' }).overflow.to(payments)
    // @ts-expect-error -- no overflow
    stream.rateLimit(limit)
    // @ts-expect-error -- nothing goes there
    void stream.rateLimit({ ...limit, overflow: 'drop' }).overflow
    // @ts-expect-error -- no such thing
    stream.rateLimit({ ...limit, overflow: 'queue' })
    // @ts-expect-error -- a time without a unit
    stream.rateLimit({ ...limit, per: 1_000, overflow: 'drop' })
    // @ts-expect-error -- the key serde cannot write the new keys
    stream.selectKey(({ cents }) => cents).rateLimit({ ...limit, overflow: 'drop' })
    stream
      .selectKey(({ cents }) => cents)
      .rateLimit({ ...limit, overflow: 'drop', key: json<number>() })
  })
})

test('a buffer makes lists, which keep the key or have it inside', () => {
  written((builder) => {
    const stream = builder.stream(payments)
    stream.buffer({ name: 'gathered', records: 10 }).to(batches)
    const all = stream.buffer({ name: 'gathered', time: '1s', by: 'partition' })
    all.flatMap((batch) => batch.map(({ key, value }) => [key, value.cents] as const)).to(amounts)
    // @ts-expect-error -- lists are no payments
    stream.buffer({ name: 'gathered', records: 10 }).to(payments)
    // @ts-expect-error -- no name
    stream.buffer({ records: 10 })
    // @ts-expect-error -- a batch of a partition has no key
    all.to(batches)
    // @ts-expect-error -- the key serde cannot write the new keys
    stream.selectKey(({ cents }) => cents).buffer({ name: 'gathered', records: 10 })
  })
})

test('a timer has the key of its step, and one of two clocks', () => {
  const remind: FixedKeyProcessor<string, Payment, number> = {
    process: (_, { timers, wallClockMs }) => {
      timers.set('later', wallClockMs + 1_000, 'wall-clock')
      // @ts-expect-error -- that is the name of a schedule's clock
      timers.set('later', wallClockMs, 'stream-time')
      // @ts-expect-error -- a time is in milliseconds
      timers.set('later', '1s', 'wall-clock')
    },
    onTimer: (timer, { forward }) => {
      expectTypeOf(timer).toEqualTypeOf<Timer<string>>()
      forward({ value: timer.atMs })
      // @ts-expect-error -- a value of another type
      forward({ value: timer.name })
    },
  }
  written((builder) => {
    const stream = builder.stream(payments)
    stream.processValues(remind, { name: 'remind', timers: 'reminders' }).to(amounts)
    const numbers = timerStore('reminders', { key: json<number>() })
    // @ts-expect-error -- a store of other keys
    stream.processValues(remind, { name: 'remind', timers: numbers })
  })
  expectTypeOf(topology).toBeFunction()
})
