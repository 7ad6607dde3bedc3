import { describe, expect, test } from 'vitest'
import { avro, type AvroSchema } from '../serde/avro/avro.ts'
import { bytes } from '../serde/bytes.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import { describeAsJson } from '../topology/describe.ts'
import type { DetectOptions } from './detected.ts'
import { pattern, type PatternOf } from './pattern.ts'
import { deadLetters, topic } from './topic.ts'
import { topology } from './topology.ts'

type OrderEvent =
  | { readonly type: 'OrderCreated'; readonly amount: number }
  | { readonly type: 'PaymentFailed'; readonly reason: string }
  | { readonly type: 'Viewed' }

const events = topic('events', { key: string, value: json<OrderEvent>() })
const alerts = topic('alerts', { key: string, value: json<unknown>() })
const expired = topic('expired', { key: string, value: json<unknown>() })
const late = topic('late', { key: string, value: json<OrderEvent>() })
const failed = deadLetters('failed')

const created = (amount = 1): OrderEvent => ({ type: 'OrderCreated', amount })
const paymentFailed: OrderEvent = { type: 'PaymentFailed', reason: 'no money' }
const viewed: OrderEvent = { type: 'Viewed' }

const failedPayment = pattern<OrderEvent>('failed-payment')
  .begin('start', (event) => event.type === 'OrderCreated')
  .next('payment', (event) => event.type === 'PaymentFailed')
  .within('5m')

function driverOf<Shape>(
  found: PatternOf<OrderEvent, Shape>,
  options: DetectOptions<OrderEvent> = {},
): TopologyTestDriver {
  const built = topology('shop', { deadLetters: failed }, (builder) => {
    const matches = builder.stream(events).detect(found, options)
    matches.to(alerts)
    matches.timedOut.to(expired)
    matches.late.to(late)
  })
  return new TopologyTestDriver(built)
}

/** One event after the other: who, what, when. */
type Sent = readonly [key: string, event: OrderEvent | null, timestampMs: number]

async function send(driver: TopologyTestDriver, ...sent: readonly Sent[]): Promise<void> {
  for (const [key, event, timestampMs] of sent) {
    await driver.input(events).send(key, event, { timestampMs })
  }
}

describe('a pattern', () => {
  test('is found in the events of one key, as soon as its last event comes', async () => {
    await using driver = driverOf(failedPayment)
    await send(driver, ['a', created(5), 10], ['b', created(6), 11], ['a', paymentFailed, 12])
    expect(driver.output(alerts).records()).toMatchObject([
      { key: 'a', value: { start: created(5), payment: paymentFailed }, timestampMs: 12 },
    ])
    await send(driver, ['b', viewed, 13], ['b', paymentFailed, 14])
    expect(driver.output(alerts).records()).toEqual([])
  })

  test('gives its match the headers of the event that completed it', async () => {
    await using driver = driverOf(failedPayment)
    const header = ['trace', Buffer.from('7')] as const
    await driver.input(events).send('a', created(), { timestampMs: 1 })
    await driver.input(events).send('a', paymentFailed, { timestampMs: 2, headers: [header] })
    expect(driver.output(alerts).records()[0]?.headers).toEqual([header])
  })

  test('is not found in events of which the last came too late', async () => {
    await using driver = driverOf(failedPayment)
    await send(driver, ['a', created(), 0], ['a', paymentFailed, 300_000])
    expect(driver.output(alerts).values()).toEqual([])
    expect(driver.output(expired).records()).toMatchObject([
      { key: 'a', value: { start: created() }, timestampMs: 300_000 },
    ])
  })

  test('forgets a key that is at its beginning', async () => {
    await using driver = driverOf(failedPayment)
    await send(driver, ['a', created(), 0], ['b', viewed, 1])
    expect([...driver.store('failed-payment').all()]).toHaveLength(1)
    await send(driver, ['a', paymentFailed, 2])
    expect([...driver.store('failed-payment').all()]).toEqual([])
    const rows = [...driver.store<Uint8Array, { kind: string }>('failed-payment-times').all()]
    expect(rows.map(([, { kind }]) => kind)).toEqual(['course'])
  })

  test('is not looked for in records without a key or a value', async () => {
    await using driver = driverOf(pattern<OrderEvent>('any').begin('any'))
    await driver.input(events).send(null, viewed)
    await driver.input(events).send('a', null)
    await driver.input(events).send('a', viewed)
    expect(driver.output(alerts).values()).toEqual([{ any: viewed }])
    expect(driver.counters.dropped).toBe(1)
  })
})

describe('a time limit', () => {
  test('is over when any record has come that far, also one of another key', async () => {
    await using driver = driverOf(failedPayment)
    await send(driver, ['a', created(1), 0], ['b', created(2), 10], ['c', viewed, 299_999])
    expect(driver.output(expired).records()).toEqual([])
    await send(driver, ['c', viewed, 300_000])
    expect(driver.output(expired).records()).toMatchObject([
      { key: 'a', value: { start: created(1) }, timestampMs: 300_000 },
    ])
    await send(driver, ['c', viewed, 999_999])
    expect(driver.output(expired).records()).toMatchObject([
      { key: 'b', value: { start: created(2) }, timestampMs: 300_010 },
    ])
  })

  test('is over when a record without a value says so', async () => {
    await using driver = driverOf(failedPayment)
    await send(driver, ['a', created(), 0], ['tick', null, 300_000])
    expect(driver.output(expired).keyValues()).toEqual([['a', { start: created() }]])
  })

  test('completes what ends with notFollowedBy', async () => {
    const unpaid = pattern<OrderEvent>('unpaid')
      .begin('order', (event) => event.type === 'OrderCreated')
      .notFollowedBy('failure', (event) => event.type === 'PaymentFailed')
      .within('10s')
    await using driver = driverOf(unpaid)
    await send(driver, ['a', created(1), 0], ['b', created(2), 1], ['b', paymentFailed, 2])
    await send(driver, ['c', viewed, 12_000])
    expect(driver.output(alerts).records()).toMatchObject([
      { key: 'a', value: { order: created(1) }, timestampMs: 12_000 },
    ])
    expect(driver.output(expired).records()).toEqual([])
  })

  test('since the previous event is over by time too, unless Flink is asked', async () => {
    const soon = pattern<OrderEvent>('soon')
      .begin('order', (event) => event.type === 'OrderCreated')
      .followedBy('failure', (event) => event.type === 'PaymentFailed')
      .within('5s', { since: 'previous' })
    const input: readonly Sent[] = [
      ['a', created(), 1],
      ['b', viewed, 100],
      ['b', viewed, 9_000],
    ]
    await using driver = driverOf(soon, { outOfOrderness: '0ms' })
    await send(driver, ...input)
    expect(driver.output(expired).records()).toMatchObject([{ key: 'a', timestampMs: 5_001 }])
    await using flink = driverOf(soon, { outOfOrderness: '0ms', timeouts: 'flink' })
    await send(flink, ...input)
    expect(flink.output(expired).records()).toEqual([])
  })

  test('is over by the wall clock, when no record comes', async () => {
    await using driver = driverOf(failedPayment, { idleClose: '1m' })
    await send(driver, ['a', created(), 0])
    await driver.advanceTime('4m')
    expect(driver.output(expired).records()).toEqual([])
    await driver.advanceTime('2m')
    expect(driver.output(expired).records()).toMatchObject([{ key: 'a', timestampMs: 300_000 }])
  })
})

describe('events that may be out of order', () => {
  const options = { outOfOrderness: '10ms' } as const

  test('are put in order, and taken when none can come before them any more', async () => {
    await using driver = driverOf(failedPayment, options)
    await send(driver, ['a', paymentFailed, 20], ['a', created(), 15], ['b', viewed, 30])
    expect(driver.output(alerts).values()).toEqual([])
    await send(driver, ['b', viewed, 31])
    expect(driver.output(alerts).records()).toMatchObject([
      { key: 'a', value: { start: created(), payment: paymentFailed }, timestampMs: 20 },
    ])
  })

  test('of the same time are taken as they came', async () => {
    await using driver = driverOf(failedPayment, options)
    await send(driver, ['a', created(), 20], ['a', paymentFailed, 20])
    await send(driver, ['b', paymentFailed, 20], ['b', created(), 20], ['c', viewed, 40])
    expect(
      driver
        .output(alerts)
        .keyValues()
        .map(([key]) => key),
    ).toEqual(['a'])
  })

  test('are late when they should have been taken already', async () => {
    await using driver = driverOf(failedPayment, options)
    await send(driver, ['a', viewed, 31], ['a', created(1), 20], ['a', created(2), 21])
    expect(driver.output(late).records()).toMatchObject([
      { key: 'a', value: created(1), timestampMs: 20 },
    ])
    expect(driver.counters.dropped).toBe(1)
    await send(driver, ['a', paymentFailed, 22], ['a', viewed, 60])
    expect(driver.output(alerts).values()).toEqual([{ start: created(2), payment: paymentFailed }])
  })

  test('are taken when no record comes for a while, by the wall clock', async () => {
    await using driver = driverOf(failedPayment, { ...options, idleClose: '10s' })
    await send(driver, ['a', created(), 1], ['a', paymentFailed, 2])
    expect(driver.output(alerts).values()).toEqual([])
    await driver.advanceTime('10s')
    expect(driver.output(alerts).values()).toHaveLength(1)
  })

  test('are taken as they come where nothing is said, and no time runs backwards', async () => {
    await using driver = driverOf(failedPayment)
    await send(driver, ['a', created(), 20], ['a', paymentFailed, 15])
    expect(driver.output(alerts).records()).toMatchObject([{ key: 'a', timestampMs: 20 }])
  })
})

describe('what fails', () => {
  const strict = pattern<OrderEvent>('strict')
    .begin('order', (event) => event.type === 'OrderCreated')
    .followedBy('failure', (event) => {
      if (event.type === 'Viewed') throw new Error('nobody looks at this')
      return event.type === 'PaymentFailed'
    })
    .within('1h')

  test('in a predicate changes nothing, and the event is set aside', async () => {
    await using driver = driverOf(strict)
    await send(driver, ['a', created(), 1], ['a', viewed, 2], ['a', paymentFailed, 3])
    expect(driver.deadLetters()).toMatchObject([
      { node: 'detect(strict)', message: 'nobody looks at this', offset: 1 },
    ])
    expect(driver.output(alerts).values()).toEqual([{ order: created(), failure: paymentFailed }])
  })

  test('after an event has waited sets aside that event, not the one that released it', async () => {
    await using driver = driverOf(strict, { outOfOrderness: '0ms' })
    await send(driver, ['a', created(), 1], ['a', viewed, 2], ['b', created(), 3])
    await send(driver, ['a', paymentFailed, 4], ['b', paymentFailed, 5], ['c', created(), 6])
    const [dead, ...others] = driver.deadLetters()
    expect(others).toEqual([])
    expect(dead).toMatchObject({ topic: 'events', offset: 1, message: 'nobody looks at this' })
    expect(
      driver
        .output(alerts)
        .keyValues()
        .map(([key]) => key),
    ).toEqual(['a', 'b'])
  })

  test('further on did not happen: the event may be sent again', async () => {
    const broken = topology('broken', { deadLetters: failed }, (builder) => {
      builder
        .stream(events)
        .detect(failedPayment)
        .mapValues(({ payment }) => ({ payment, amount: payment.reason === 'no money' ? 1n : 1 }))
        .to(alerts)
    })
    await using driver = new TopologyTestDriver(broken)
    await send(driver, ['a', created(), 1], ['a', paymentFailed, 2])
    expect(driver.deadLetters().map(({ code }) => code)).toEqual(['SERDE_FAILED'])
    await send(driver, ['a', { type: 'PaymentFailed', reason: 'no card' }, 3])
    expect(driver.output(alerts).values()).toHaveLength(1)
  })

  test('when a time limit is over sets the key aside, and others go on', async () => {
    const broken = topology('broken', { deadLetters: failed }, (builder) => {
      const { timedOut } = builder.stream(events).detect(failedPayment)
      timedOut
        .mapValues((partial) => {
          if (partial.start?.amount === 13) throw new Error('bad luck')
          return partial
        })
        .to(expired)
    })
    await using driver = new TopologyTestDriver(broken)
    await send(driver, ['a', created(13), 1], ['b', created(2), 2], ['c', viewed, 900_000])
    expect(driver.deadLetters()).toMatchObject([{ key: Buffer.from('a'), message: 'bad luck' }])
    expect(driver.output(expired).keyValues()).toEqual([['b', { start: created(2) }]])
  })
})

describe('a step that detects', () => {
  test('has no more partial matches of a key than it may have', async () => {
    const pairs = pattern<OrderEvent>('pairs')
      .begin('one', (event) => event.type === 'OrderCreated')
      .followedBy('two', (event) => event.type === 'PaymentFailed')
    await using driver = driverOf(pairs, { partialMatchesMax: 2 })
    await send(driver, ['a', created(1), 1], ['a', created(2), 2], ['a', created(3), 3])
    expect(driver.deadLetters()).toMatchObject([{ code: 'PROCESSING_FAILED', offset: 2 }])
    await send(driver, ['b', created(4), 4], ['a', paymentFailed, 5])
    expect(driver.output(alerts).values()).toMatchObject([{ one: created(1) }, { one: created(2) }])
  })

  test('keeps bytes as they were, whatever becomes of what they were read from', async () => {
    const raw = topic('raw', { key: string, value: bytes })
    const joined = topic('joined', { key: string, value: string })
    const pair = pattern<Uint8Array>('pair').begin('one').next('two').within('1m')
    const built = topology('raw', (builder) => {
      builder
        .stream(raw)
        .detect(pair)
        .mapValues(({ one, two }) => Buffer.concat([one, two]).toString())
        .to(joined)
    })
    await using driver = new TopologyTestDriver(built)
    const buffer = Buffer.from('first')
    await driver.input(raw).sendBytes(Buffer.from('k'), buffer)
    buffer.write('wrong')
    await driver.input(raw).sendBytes(Buffer.from('k'), Buffer.from('second'))
    expect(driver.output(joined).values()).toEqual(['firstsecond'])
  })

  test('has only the outputs that somebody reads', () => {
    const built = topology('shop', (builder) => {
      builder.stream(events).detect(failedPayment).to(alerts)
    })
    const [, detect] = describeAsJson(built).subTopologies[0]?.nodes ?? []
    expect(detect).toMatchObject({ name: 'detect(failed-payment)', outputs: [] })
  })

  test('is another one when its pattern is another one', () => {
    const fingerprintOf = (within: '5m' | '6m'): string =>
      topology('shop', (builder) => {
        builder.stream(events).detect(failedPayment.within(within)).to(alerts)
      }).fingerprint
    expect(fingerprintOf('5m')).toBe(fingerprintOf('6m'))
    const others = topology('shop', (builder) => {
      builder.stream(events).detect(failedPayment.within('4m')).to(alerts)
    })
    expect(others.fingerprint).not.toBe(fingerprintOf('5m'))
  })

  test('meets equal keys in one place after the key was changed', () => {
    const built = topology('shop', (builder) => {
      builder
        .stream(events)
        .selectKey((event) => event.type as string)
        .detect(failedPayment)
        .to(alerts)
    })
    expect([...built.repartitions.keys()]).toEqual(['failed-payment'])
  })
})

test('events of a schema registry are kept with their schema', async () => {
  const schema: AvroSchema = {
    type: 'record',
    name: 'Step',
    fields: [{ name: 'letter', type: 'string' }],
  }
  interface Step {
    readonly letter: string
  }
  const steps = topic('steps', { key: string, value: avro<Step>(schema) })
  const found = topic('found', { key: string, value: string })
  const walk = pattern<Step>('walk')
    .begin('a', ({ letter }) => letter === 'a')
    .followedBy('b', ({ letter }) => letter === 'b')
    .within('1m')
  const built = topology('walks', (builder) => {
    builder
      .stream(steps)
      .detect(walk, { outOfOrderness: '10ms' })
      .mapValues(({ a, b }) => a.letter + b.letter)
      .to(found)
  })
  await using driver = new TopologyTestDriver(built)
  await driver.input(steps).send('k', { letter: 'b' }, { timestampMs: 2 })
  await driver.input(steps).send('k', { letter: 'a' }, { timestampMs: 1 })
  await driver.input(steps).send('k', { letter: 'c' }, { timestampMs: 50 })
  expect(driver.output(found).values()).toEqual(['ab'])
  const names = [...built.stores.values()].map(({ value }) => value.name)
  expect(names).toEqual([
    expect.stringContaining('avro'),
    expect.stringContaining('pattern-times(string, avro'),
  ])
})
