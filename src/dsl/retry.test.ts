import { describe, expect, test } from 'vitest'
import { exponential } from '../operators/retry/backoff.ts'
import type { StreamsError } from '../core/errors.ts'
import type { Meta } from '../core/record.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { RetryOptions } from './retry.ts'
import { deadLetters, topic } from './topic.ts'
import { topology, type TopologyOptions } from './topology.ts'

interface Payment {
  readonly id: string
  readonly cents: number
}

const payments = topic('payments', { key: string, value: json<Payment>() })
const charged = topic('charged', { key: string, value: json<unknown>() })
const failed = deadLetters('payments.dead-letters')

/** Somebody who is asked to charge: down for so many calls of a payment. */
class Bank {
  readonly calls: string[] = []
  readonly failures = new Map<string, number>()
  now = (): number => 0

  readonly charge = ({ id, cents }: Payment, { offset }: Meta): object => {
    this.calls.push(`${this.now()} ${id}`)
    const left = this.failures.get(id) ?? 0
    this.failures.set(id, left - 1)
    if (left > 0) throw new RangeError(`the bank is closed for ${id}`)
    if (cents < 0) throw new TypeError('an impossible amount')
    return { id, cents, offset }
  }
}

const threeTimes: RetryOptions = { attempts: 3, backoff: exponential('1s', '30s') }

interface Story {
  readonly bank: Bank
  readonly driver: TopologyTestDriver
  readonly pay: (key: string | null, id: string, cents?: number) => Promise<void>
}

function story(
  retry: RetryOptions<string, Payment> = threeTimes,
  options: TopologyOptions = { deadLetters: failed },
): Story & AsyncDisposable {
  const bank = new Bank()
  const built = topology('billing', options, (builder) => {
    builder.stream(payments).mapValues(bank.charge, { name: 'charge', retry }).to(charged)
  })
  const driver = new TopologyTestDriver(built, { startMs: 1_000_000 })
  bank.now = () => driver.nowMs - 1_000_000
  return {
    bank,
    driver,
    pay: (key, id, cents = 5) =>
      driver.input(payments).send(key, { id, cents }, { timestampMs: 7, headers }),
    [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose](),
  }
}

const headers = [['trace', Buffer.from('t-1')]] as const
const ids = (driver: TopologyTestDriver): readonly unknown[] =>
  driver
    .output(charged)
    .values()
    .map((value) => (value as Payment).id)

describe('a record that a step fails on', () => {
  test('is tried again after a time that grows, and goes on as it was', async () => {
    await using told = story()
    const { bank, driver, pay } = told
    bank.failures.set('p-1', 2)
    await pay('ada', 'p-0')
    await pay('ada', 'p-1')
    await driver.advanceTime('999ms')
    expect(bank.calls).toEqual(['0 p-0', '0 p-1'])
    await driver.advanceTime('10s')
    expect(bank.calls.slice(2)).toEqual(['1000 p-1', '3000 p-1'])
    expect(driver.output(charged).records()).toEqual([
      expect.anything(),
      {
        key: 'ada',
        value: { id: 'p-1', cents: 5, offset: 1 },
        timestampMs: 7,
        headers,
        partition: 0,
      },
    ])
    expect(driver.deadLetters()).toEqual([])
    expect(driver.counters).toMatchObject({ retried: 2, processed: 2 })
    expect([...driver.store('charge-retry').all()]).toEqual([])
  })

  test('goes to the dead letters after the last attempt, as it was read', async () => {
    await using told = story()
    const { bank, driver, pay } = told
    bank.failures.set('p-1', 99)
    await pay('ada', 'p-1')
    await driver.advanceTime('1h')
    expect(bank.calls).toEqual(['0 p-1', '1000 p-1', '3000 p-1'])
    expect(driver.deadLetters()).toMatchObject([
      {
        key: Buffer.from('ada'),
        value: Buffer.from('{"id":"p-1","cents":5}'),
        timestampMs: 7,
        headers,
        topic: 'payments',
        partition: 0,
        offset: 0,
        exception: 'RangeError',
        message: 'the bank is closed for p-1',
        code: 'PROCESSING_FAILED',
        node: 'charge',
        attempts: 3,
        firstFailedAtMs: 1_000_000,
        failedAtMs: 1_003_000,
      },
    ])
  })

  test('is not tried again where the error is beyond help', async () => {
    await using told = story({ ...threeTimes, when: (error) => error instanceof RangeError })
    const { bank, driver, pay } = told
    await pay('ada', 'p-1', -5)
    bank.failures.set('p-2', 1)
    await pay('ada', 'p-2', -5)
    expect(driver.deadLetters()).toMatchObject([{ message: 'an impossible amount', attempts: 1 }])
    await driver.advanceTime('1h')
    expect(bank.calls).toEqual(['0 p-1', '0 p-2', '1000 p-2'])
    expect(driver.deadLetters()).toMatchObject([
      {
        exception: 'TypeError',
        attempts: 2,
        firstFailedAtMs: 1_000_000,
        failedAtMs: 1_001_000,
      },
    ])
  })

  test('waits for a time that differs among records, and is the same in each run', async () => {
    const runs: string[][] = []
    for (let run = 0; run < 2; run++) {
      await using told = story({
        attempts: 2,
        backoff: exponential('1s', '30s', { jitter: 1 }),
        order: 'skip',
      })
      const { bank, driver, pay } = told
      for (const id of ['p-1', 'p-2', 'p-3']) {
        bank.failures.set(id, 1)
        await pay('a', id)
      }
      await driver.advanceTime('1s')
      runs.push(bank.calls)
    }
    expect(runs[0]).toEqual(runs[1])
    expect(new Set(runs[0]?.map((call) => call.split(' ')[0])).size).toBe(4)
  })

  test('is skipped, or stops the application, where the topology says so', async () => {
    for (const onFailure of ['skip', 'stop'] as const) {
      await using told = story(threeTimes, { onFailure })
      const { bank, driver, pay } = told
      bank.failures.set('p-1', 99)
      await pay('ada', 'p-1')
      if (onFailure === 'skip') {
        await driver.advanceTime('1h')
        expect(driver.counters.skipped).toBe(1)
      } else {
        const code: StreamsError['code'] = 'PROCESSING_FAILED'
        await expect(driver.advanceTime('1h')).rejects.toMatchObject({ code })
      }
    }
  })
})

describe('records of a key', () => {
  test('wait behind one that waits, in their order; other keys go on', async () => {
    await using told = story()
    const { bank, driver, pay } = told
    bank.failures.set('a-1', 1)
    bank.failures.set('a-3', 1)
    for (const id of ['a-1', 'b-1', 'a-2', 'a-3', 'b-2', 'a-4']) await pay(id[0]!, id)
    expect(ids(driver)).toEqual(['b-1', 'b-2'])
    await driver.advanceTime('1s')
    expect(ids(driver)).toEqual(['a-1', 'a-2'])
    await pay('a', 'a-5')
    await driver.advanceTime('1s')
    expect(ids(driver)).toEqual(['a-3', 'a-4', 'a-5'])
    await pay('a', 'a-6')
    expect(ids(driver)).toEqual(['a-6'])
  })

  test('go on when the one before them has failed for good', async () => {
    await using told = story()
    const { bank, driver, pay } = told
    bank.failures.set('a-1', 99)
    bank.failures.set('a-2', 2)
    for (const id of ['a-1', 'a-2', 'a-3']) await pay('a', id)
    await driver.advanceTime('1h')
    expect(bank.calls).toEqual([
      '0 a-1',
      '1000 a-1',
      '3000 a-1',
      '3000 a-2',
      '4000 a-2',
      '6000 a-2',
      '6000 a-3',
    ])
    expect(ids(driver)).toEqual(['a-2', 'a-3'])
    expect(driver.deadLetters().map(({ offset }) => offset)).toEqual([0])
  })

  test('pass it where their order does not count, or they have no key', async () => {
    const orders: readonly [RetryOptions, string | null][] = [
      [{ ...threeTimes, order: 'skip' }, 'a'],
      [threeTimes, null],
    ]
    for (const [retry, key] of orders) {
      await using told = story(retry)
      const { bank, driver, pay } = told
      bank.failures.set('p-1', 2)
      bank.failures.set('p-2', 1)
      for (const id of ['p-1', 'p-2', 'p-3']) await pay(key, id)
      expect(ids(driver)).toEqual(['p-3'])
      await driver.advanceTime('1s')
      expect(ids(driver)).toEqual(['p-2'])
      await driver.advanceTime('2s')
      expect(ids(driver)).toEqual(['p-1'])
    }
  })

  test('are many, and come through in turn with what else is due', async () => {
    await using told = story()
    const { bank, driver, pay } = told
    bank.failures.set('a-0', 1)
    const all = Array.from({ length: 100 }, (_, index) => `a-${index}`)
    for (const id of all) await pay('a', id)
    await driver.advanceTime('1s')
    expect(ids(driver)).toEqual(all)
  })

  test('wait in a bounded number: the next one has failed', async () => {
    await using told = story({ ...threeTimes, limit: 3 })
    const { bank, driver, pay } = told
    bank.failures.set('a-1', 1)
    for (const id of ['a-1', 'a-2', 'a-3', 'a-4', 'b-1']) await pay(id[0]!, id)
    expect(driver.deadLetters()).toMatchObject([{ code: 'QUEUE_FULL', offset: 3, node: 'charge' }])
    await driver.advanceTime('1s')
    expect(ids(driver)).toEqual(['b-1', 'a-1', 'a-2', 'a-3'])
  })
})

describe('a retry is refused', () => {
  const built = (retry: Partial<RetryOptions<string, Payment>>, name?: string) => (): unknown =>
    topology('refused', (builder) => {
      const options = { name: name as string, retry: { ...threeTimes, ...retry } }
      builder.stream(payments).mapValues(() => 1, options)
    })

  test('without a name, a number of attempts or a backoff', () => {
    expect(built({})).toThrow('a map-values step is given options without a name')
    expect(built({ attempts: 0 }, 'charge')).toThrow('step "charge" is to be tried 0 times')
    expect(built({ backoff: undefined as never }, 'charge')).toThrow('retries without a backoff')
    expect(built({ order: 'any' as never }, 'charge')).toThrow('retries in the order "any"')
    expect(built({ limit: 0.5 }, 'charge')).toThrow('lets 0.5 records of a key wait')
  })

  test('by a key that was changed, unless it says how such keys are written', () => {
    const rekeyed = (retry: RetryOptions<number, Payment>) => (): unknown =>
      topology('refused', (builder) => {
        builder
          .stream(payments)
          .selectKey(({ cents }) => cents)
          .peek(() => {}, { name: 'look', retry })
      })
    expect(rekeyed(threeTimes)).toThrow('step "look" keeps records by a key that was changed')
    expect(rekeyed({ ...threeTimes, key: json<number>() })).not.toThrow()
  })
})
