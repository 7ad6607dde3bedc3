import { describe, expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import type { KeyTimer } from '../state/timer-store.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { FixedKeyProcessor } from '../topology/fixed-key-processor.ts'
import type { Processor } from '../topology/processor.ts'
import { timerStore } from '../topology/timer-store.ts'
import type { TopologyBuilder } from './builder.ts'
import { deadLetters, topic } from './topic.ts'
import { topology } from './topology.ts'

/** What a record asks for: to set a timer, or to cancel those of a name. */
interface Order {
  readonly set?: string
  readonly at?: number
  readonly clock?: 'event-time' | 'wall-clock'
  readonly cancel?: string
}

const orders = topic('orders', { key: string, value: json<Order>() })
const fired = topic('fired', { key: string, value: string })
const failed = deadLetters('failed')

/** Sets and cancels timers as it is told, and says which ones fire. */
const obey: FixedKeyProcessor<string, Order, string> = {
  process: ({ value: { set, at = 0, clock = 'event-time', cancel } }, { timers }) => {
    if (cancel !== undefined) timers.cancel(cancel)
    if (set !== undefined) timers.set(set, at, clock)
  },
  onTimer: ({ name, atMs }, { forward }) => forward({ value: `${name} at ${atMs}` }),
}

const build = (builder: TopologyBuilder): void => {
  builder.stream(orders).processValues(obey, { name: 'obey', timers: 'alarms' }).to(fired)
}
const obedient = topology('obedient', { deadLetters: failed }, build)

const driverOf = (processor: Processor<string, Order, string, string>) =>
  new TopologyTestDriver(
    topology('timers', { deadLetters: failed }, (builder) => {
      builder.stream(orders).process(processor, { name: 'own', timers: 'alarms' }).to(fired)
    }),
  )

describe('an event-time timer', () => {
  test('fires once stream time is at its time, after the record that moves it there', async () => {
    await using driver = new TopologyTestDriver(obedient)
    const send = async (timestampMs: number, value: Order = {}): Promise<void> =>
      driver.input(orders).send('a', value, { timestampMs })
    await send(10, { set: 'late', at: 30 })
    await send(11, { set: 'soon', at: 20 })
    await send(19)
    expect(driver.output(fired).keyValues()).toEqual([])
    await send(20)
    expect(driver.output(fired).records()).toEqual([
      { key: 'a', value: 'soon at 20', timestampMs: 20, headers: [], partition: 0 },
    ])
    await send(100)
    await send(200)
    expect(driver.output(fired).values()).toEqual(['late at 30'])
  })

  test('is not moved by the wall clock, nor a wall-clock timer by records', async () => {
    await using driver = new TopologyTestDriver(obedient, { startMs: 1_000 })
    const alarms = driver.input(orders)
    await alarms.send('a', { set: 'event', at: 2_000 }, { timestampMs: 1_000 })
    await alarms.send('a', { set: 'wall', at: 2_000, clock: 'wall-clock' }, { timestampMs: 1_000 })
    await driver.advanceTime('1h')
    expect(driver.output(fired).values()).toEqual(['wall at 2000'])
    await alarms.send('b', {}, { timestampMs: 5_000 })
    expect(driver.output(fired).values()).toEqual(['event at 2000'])
  })
})

describe('timers', () => {
  test('fire in the order of their times, whatever order they were set in', async () => {
    await using driver = new TopologyTestDriver(obedient)
    for (const at of [50, 20, 40, 10, 30]) {
      await driver.input(orders).send(`key-${at}`, { set: 'x', at }, { timestampMs: 1 })
    }
    await driver.input(orders).send('other', {}, { timestampMs: 45 })
    expect(driver.output(fired).keyValues()).toEqual(
      [10, 20, 30, 40].map((at) => [`key-${at}`, `x at ${at}`]),
    )
  })

  test('of the same key, name, time and clock are one', async () => {
    await using driver = new TopologyTestDriver(obedient)
    const send = async (key: string, value: Order): Promise<void> =>
      driver.input(orders).send(key, value, { timestampMs: 1 })
    for (const key of ['a', 'a', 'b']) await send(key, { set: 'x', at: 10 })
    await send('a', { set: 'y', at: 10 })
    await send('a', { set: 'x', at: 11 })
    await driver.input(orders).send('other', {}, { timestampMs: 99 })
    expect(driver.output(fired).keyValues()).toEqual([
      ['a', 'x at 10'],
      ['a', 'y at 10'],
      ['b', 'x at 10'],
      ['a', 'x at 11'],
    ])
    expect(driver.counters.timers).toBe(4)
  })

  test('are cancelled by name, those of the current key and no others', async () => {
    await using driver = new TopologyTestDriver(obedient)
    const send = async (key: string, value: Order): Promise<void> =>
      driver.input(orders).send(key, value, { timestampMs: 1 })
    await send('a', { set: 'x', at: 10 })
    await send('a', { set: 'x', at: 20 })
    await send('a', { set: 'x', at: 20, clock: 'wall-clock' })
    await send('a', { set: 'xy', at: 10 })
    await send('ab', { set: 'x', at: 10 })
    await send('a', { cancel: 'x' })
    await send('a', { cancel: 'never set' })
    await driver.input(orders).send('other', {}, { timestampMs: 99 })
    await driver.advanceTime('1m')
    expect(driver.output(fired).keyValues()).toEqual([
      ['a', 'xy at 10'],
      ['ab', 'x at 10'],
    ])
  })

  test('can be seen by key, until they have fired', async () => {
    await using driver = new TopologyTestDriver(obedient)
    const send = async (key: string, value: Order): Promise<void> =>
      driver.input(orders).send(key, value, { timestampMs: 1 })
    await send('b', { set: 'x', at: 1_000, clock: 'wall-clock' })
    await send('a', { set: 'x', at: 20 })
    await send('a', { set: 'y', at: 10 })
    const alarms = driver.store<string, readonly KeyTimer[]>('alarms')
    expect([...alarms.all()]).toEqual([
      [
        'a',
        [
          { name: 'y', atMs: 10, clock: 'event-time' },
          { name: 'x', atMs: 20, clock: 'event-time' },
        ],
      ],
      ['b', [{ name: 'x', atMs: 1_000, clock: 'wall-clock' }]],
    ])
    expect(alarms.get('c')).toBeUndefined()
    await driver.advanceTime('1s')
    expect(alarms.get('b')).toBeUndefined()
    expect(alarms.get('a')).toHaveLength(2)
  })

  test('that are due already fire when the call has returned', async () => {
    const seen: string[] = []
    await using driver = driverOf({
      process: ({ value: { set = '' } }, { timers, streamTimeMs }) => {
        timers.set(set, streamTimeMs, 'event-time')
        timers.set(`${set} too`, -5, 'wall-clock')
        seen.push(`${set} set`)
      },
      onTimer: ({ name, atMs }) => void seen.push(`${name} at ${atMs}`),
    })
    await driver.input(orders).send('a', { set: 'x' }, { timestampMs: 7 })
    expect(seen).toEqual(['x set', 'x at 7', 'x too at 0'])
  })

  test('may set timers, also themselves again, and cancel others', async () => {
    await using driver = driverOf({
      process: (_, { timers }) => {
        timers.set('tick', 10, 'wall-clock')
        timers.set('never', 35, 'wall-clock')
      },
      onTimer: ({ key, name, atMs }, { timers, forward, wallClockMs }) => {
        forward({ key, value: `${name} at ${atMs}, now ${wallClockMs}` })
        if (atMs === 30) timers.cancel('never')
        else timers.set('tick', atMs + 10, 'wall-clock')
      },
    })
    await driver.input(orders).send('a', {}, { timestampMs: 0 })
    await driver.advanceTime('1m')
    expect(driver.output(fired).values()).toEqual(
      [10, 20, 30].map((at) => `tick at ${at}, now ${at}`),
    )
  })

  test('know no record, and forward at their time without headers', async () => {
    const seen: unknown[] = []
    await using driver = driverOf({
      process: (_, { timers }) => timers.set('x', 500.5, 'wall-clock'),
      onTimer: (timer, { record, streamTimeMs, forward }) => {
        seen.push(timer, record, streamTimeMs)
        forward({ key: timer.key, value: 'x' })
      },
    })
    const headers = [['trace', Buffer.from('1')]] as const
    await driver.input(orders).send('a', {}, { timestampMs: 7, headers })
    await driver.advanceTime('1s')
    expect(seen).toEqual([{ key: 'a', name: 'x', atMs: 501, clock: 'wall-clock' }, undefined, 7])
    expect(driver.output(fired).records()).toEqual([
      { key: 'a', value: 'x', timestampMs: 501, headers: [], partition: 0 },
    ])
  })
})

describe('a timer that fails', () => {
  const failing = (onFailure: 'dead-letter' | 'skip' | 'stop') =>
    new TopologyTestDriver(
      topology('failing', { deadLetters: failed, onFailure }, (builder) => {
        builder
          .stream(orders)
          .processValues<string>(
            {
              process: (_, { timers }) => timers.set('boom', 10, 'wall-clock'),
              onTimer: () => {
                throw new RangeError('boom')
              },
            },
            { name: 'own', timers: 'alarms' },
          )
          .to(fired)
      }),
    )

  test('goes to the dead letters: its key, no value, and what it was in the headers', async () => {
    await using driver = failing('dead-letter')
    await driver.input(orders).send('a', {}, { timestampMs: 1 })
    await driver.advanceTime('1s')
    const [letter] = driver.deadLetters()
    expect(letter).toMatchObject({
      key: Buffer.from('a'),
      value: null,
      timestampMs: 10,
      topic: '',
      offset: -1,
      exception: 'RangeError',
      message: 'boom',
      node: 'own',
      timer: { name: 'boom', atMs: 10 },
    })
    expect(driver.store('alarms').get('a')).toBeUndefined()
  })

  test('is skipped where the topology says so', async () => {
    await using driver = failing('skip')
    await driver.input(orders).send('a', {}, { timestampMs: 1 })
    await driver.advanceTime('1s')
    expect(driver.counters.skipped).toBe(1)
    expect(driver.deadLetters()).toEqual([])
  })

  test('stops the application where the topology says so', async () => {
    await using driver = failing('stop')
    await driver.input(orders).send('a', {}, { timestampMs: 1 })
    await expect(driver.advanceTime('1s')).rejects.toMatchObject({
      message: 'step "own" failed: boom',
    })
  })
})

describe('timers are refused', () => {
  test('where they have no key, no store or no time', async () => {
    const send = async (
      use: Processor<string, Order, string, string>['process'],
      key: string | null = 'a',
    ): Promise<unknown> => {
      await using driver = driverOf({ process: use, onTimer: () => {} })
      await driver.input(orders).send(key, {})
      return driver.deadLetters().map(({ message }) => message)
    }
    expect(await send((_, { timers }) => timers.set('x', 1, 'event-time'), null)).toEqual([
      'node "own" sets or cancels a timer where there is no key',
    ])
    expect(await send((_, { timers }) => timers.set('x', NaN, 'event-time'))).toEqual([
      'timer "x" of store "alarms" is set for no time (NaN)',
    ])
    expect(await send((_, { timers }) => timers.set('x'.repeat(1_001), 1, 'event-time'))).toEqual([
      'a timer of store "alarms" has a name of 1001 characters',
    ])
  })

  test('where a processor has no place for them, or they have no processor', () => {
    const built = (processor: Processor<string, Order, string, string>, timers?: string) => () =>
      topology('refused', (builder) => {
        const options = timers === undefined ? {} : { timers }
        builder.stream(orders).process(processor, { name: 'own', ...options })
      })
    const process = (): void => {}
    expect(built({ process, onTimer: () => {} })).toThrow('"own" has an onTimer and no place')
    expect(built({ process }, 'alarms')).toThrow('a store of timers, "alarms", and no onTimer')
  })

  test('where two steps would share a store', () => {
    const alarms = timerStore('alarms', { key: string })
    const use = { process: () => {}, onTimer: () => {} }
    const built = (): unknown =>
      topology('shared', (builder) => {
        builder.stream(orders).process(use, { name: 'one', timers: alarms })
        builder.stream(orders).process(use, { name: 'two', timers: alarms })
      })
    expect(built).toThrow('timer store "alarms" is used by two steps')
  })

  test('by a key that was changed, unless the store says how it is written', () => {
    const use = { process: () => {}, onTimer: () => {} }
    const built = (timers: string | ReturnType<typeof timerStore<string>>) => () =>
      topology('rekeyed', (builder) => {
        builder
          .stream(orders)
          .selectKey(({ set = '' }) => set)
          .process(use, { name: 'own', timers })
      })
    expect(built('alarms')).toThrow('step "own" keeps timers by a key that was changed before it')
    expect(built(timerStore('alarms', { key: string }))).not.toThrow()
  })
})
