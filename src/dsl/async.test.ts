import { describe, expect, test } from 'vitest'
import type { AsyncMeta } from '../operators/async/async-meta.ts'
import { exponential, fixed } from '../operators/retry/backoff.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { AsyncOptions } from './async.ts'
import { deadLetters, topic } from './topic.ts'
import { topology } from './topology.ts'

const orders = topic('orders', { key: string, value: json<string>() })
const reserved = topic('reserved', { key: string, value: string })
const failed = deadLetters('orders.dead-letters')

/** Somebody who answers when the test says so. */
class Warehouse {
  readonly calls: { readonly value: string; readonly meta: AsyncMeta<string> }[] = []
  readonly #open = new Map<string, PromiseWithResolvers<string>>()
  mostAtOnce = 0

  readonly reserve = (value: string, meta: AsyncMeta<string>): Promise<string> => {
    this.calls.push({ value, meta })
    const answer = Promise.withResolvers<string>()
    this.#open.set(value, answer)
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#open.size)
    return answer.promise
  }

  /** In the order in which they were called. */
  get asked(): readonly string[] {
    return this.calls.map(({ value }) => value)
  }

  answer(value: string): void {
    this.#open.get(value)?.resolve(`${value}!`)
    this.#open.delete(value)
  }

  refuse(value: string): void {
    this.#open.get(value)?.reject(new Error(`no ${value}`))
    this.#open.delete(value)
  }
}

async function open(options: Partial<AsyncOptions> = {}) {
  const warehouse = new Warehouse()
  const built = topology('reserving', { deadLetters: failed }, (builder) => {
    builder
      .stream(orders)
      .mapValuesAsync(warehouse.reserve, { name: 'reserve', ...options })
      .to(reserved)
  })
  const driver = new TopologyTestDriver(built)
  const send = (key: string, value: string, timestampMs = 0): Promise<void> =>
    driver.input(orders).send(key, value, { timestampMs })
  const answer = async (...values: readonly string[]): Promise<void> => {
    for (const value of values) warehouse.answer(value)
    await driver.advanceTime('0ms')
  }
  const refuse = async (value: string): Promise<void> => {
    warehouse.refuse(value)
    await driver.advanceTime('0ms')
  }
  const out = () => driver.output(reserved).values()
  const dispose = () => driver[Symbol.asyncDispose]()
  return { warehouse, driver, send, answer, refuse, out, [Symbol.asyncDispose]: dispose }
}

describe('mapValuesAsync', () => {
  test('sends on what was answered, with the time and headers of the record', async () => {
    await using run = await open()
    const headers = [['trace', Buffer.from('7')]] as const
    await run.driver.input(orders).send('a', 'tea', { timestampMs: 5, headers })
    expect(run.out()).toEqual([])
    run.warehouse.answer('tea')
    await run.driver.settled()
    expect(run.driver.output(reserved).records()).toEqual([
      { key: 'a', value: 'tea!', timestampMs: 5, headers, partition: 0 },
    ])
  })

  test('is through when send resolves, where the call waits for nobody', async () => {
    const built = topology('quick', (builder) => {
      builder
        .stream(orders)
        .mapValuesAsync(async (value) => `${value}?`, { name: 'quick' })
        .to(reserved)
    })
    await using driver = new TopologyTestDriver(built)
    await driver.input(orders).send('a', 'tea')
    expect(driver.output(reserved).values()).toEqual(['tea?'])
  })

  test('calls for one record of a key at a time, in order, and for others beside it', async () => {
    await using run = await open()
    await run.send('a', 'a1')
    await run.send('a', 'a2')
    await run.send('b', 'b1')
    expect(run.warehouse.asked).toEqual(['a1', 'b1'])
    await run.answer('b1')
    await run.answer('a1')
    expect(run.warehouse.asked).toEqual(['a1', 'b1', 'a2'])
    await run.answer('a2')
    expect(run.out()).toEqual(['b1!', 'a1!', 'a2!'])
  })

  test('without order calls for all of them, and sends on what is answered first', async () => {
    await using run = await open({ order: 'none' })
    for (const value of ['a1', 'a2', 'a3']) await run.send('a', value)
    await run.answer('a3')
    await run.answer('a1', 'a2')
    expect(run.out()).toEqual(['a3!', 'a1!', 'a2!'])
  })

  test('has so many calls under way and no more: then the input waits', async () => {
    await using run = await open({ concurrency: 2 })
    for (const key of ['a', 'b', 'c', 'd']) await run.send(key, `${key}1`)
    expect(run.warehouse.asked).toEqual(['a1', 'b1'])
    expect(run.driver.counters.processed).toBe(2)
    await run.answer('a1')
    expect(run.warehouse.asked).toEqual(['a1', 'b1', 'c1'])
    await run.answer('b1', 'c1')
    await run.answer('d1')
    expect(run.out()).toEqual(['a1!', 'b1!', 'c1!', 'd1!'])
    expect(run.warehouse.mostAtOnce).toBe(2)
  })

  test('lets so many records of a key wait and no more: then the input waits', async () => {
    await using run = await open({ limit: 2 })
    for (let n = 1; n <= 5; n += 1) await run.send('a', `a${n}`)
    expect(run.driver.counters.processed).toBe(3)
    for (let n = 1; n <= 5; n += 1) await run.answer(`a${n}`)
    expect(run.out()).toEqual(['a1!', 'a2!', 'a3!', 'a4!', 'a5!'])
  })

  test('a call that fails is a dead letter of the record, and the next of its key goes on', async () => {
    await using run = await open()
    await run.send('a', 'a1')
    await run.send('a', 'a2')
    await run.refuse('a1')
    expect(run.driver.deadLetters()).toMatchObject([
      { node: 'reserve', message: expect.stringContaining('no a1') as string, attempts: 1 },
    ])
    await run.answer('a2')
    expect(run.out()).toEqual(['a2!'])
  })

  test('is made again after a time where it says so, and later records of the key wait', async () => {
    await using run = await open({ retry: { attempts: 3, backoff: exponential('1s', '1m') } })
    await run.send('a', 'a1')
    await run.send('a', 'a2')
    await run.send('b', 'b1')
    await run.refuse('a1')
    await run.driver.advanceTime('999ms')
    expect(run.warehouse.asked).toEqual(['a1', 'b1'])
    await run.driver.advanceTime('1ms')
    await run.refuse('a1')
    await run.driver.advanceTime('2s')
    expect(run.warehouse.asked).toEqual(['a1', 'b1', 'a1', 'a1'])
    await run.refuse('a1')
    expect(run.driver.deadLetters()).toMatchObject([
      { attempts: 3, firstFailedAtMs: 0, failedAtMs: 3_000, value: Buffer.from('"a1"') },
    ])
    expect(run.warehouse.asked.at(-1)).toBe('a2')
    expect(run.warehouse.calls.map(({ meta }) => meta.attempt)).toEqual([1, 1, 2, 3, 1])
  })

  test('an error that no attempt can help is not tried again', async () => {
    const when = (error: unknown): boolean => !(error as Error).message.includes('no')
    await using run = await open({ retry: { attempts: 3, backoff: fixed('1s'), when } })
    await run.send('a', 'a1')
    await run.refuse('a1')
    expect(run.driver.deadLetters()).toMatchObject([{ attempts: 1 }])
  })

  test('has failed when its time is up; an answer after that changes nothing', async () => {
    await using run = await open({
      timeout: '1s',
      retry: { attempts: 2, backoff: fixed('10s') },
    })
    await run.send('a', 'a1')
    const [first] = run.warehouse.calls
    await run.driver.advanceTime('900ms')
    expect(first?.meta.signal.aborted).toBe(false)
    await run.driver.advanceTime('100ms')
    expect(first?.meta.signal.aborted).toBe(true)
    await run.answer('a1')
    expect(run.out()).toEqual([])
    await run.driver.advanceTime('10s')
    expect(run.warehouse.asked).toEqual(['a1', 'a1'])
    await run.answer('a1')
    expect(run.out()).toEqual(['a1!'])
    expect(run.driver.deadLetters()).toEqual([])
  })

  test('tells records, and what was made of one, apart, and attempts not', async () => {
    const keys: string[] = []
    const built = topology('many', (builder) => {
      builder
        .stream(orders)
        .flatMapValues((value) => value.split(' '))
        .mapValuesAsync(
          async (value, { idempotencyKey, attempt }) => {
            keys.push(idempotencyKey)
            if (attempt === 1) throw new Error('again')
            return value
          },
          { name: 'many', retry: { attempts: 2, backoff: fixed('1s') } },
        )
        .to(reserved)
    })
    await using driver = new TopologyTestDriver(built)
    await driver.input(orders).send('a', 'x y y')
    await driver.input(orders).send('b', 'x')
    await driver.advanceTime('1m')
    await driver.settled()
    await driver.advanceTime('1m')
    expect(driver.output(reserved).values().toSorted()).toEqual(['x', 'x', 'y', 'y'])
    expect(new Set(keys).size).toBe(4)
    expect(keys).toHaveLength(8)
    expect(keys[0]).toMatch(/^orders-0-0-/)
  })

  test('a function that throws before it is asynchronous has failed as any call', async () => {
    const built = topology('throwing', { deadLetters: failed }, (builder) => {
      builder
        .stream(orders)
        .mapValuesAsync(
          (): Promise<string> => {
            throw new Error('at once')
          },
          { name: 'throwing' },
        )
        .to(reserved)
    })
    await using driver = new TopologyTestDriver(built)
    await driver.input(orders).send('a', 'a1')
    expect(driver.deadLetters()).toMatchObject([{ node: 'throwing', offset: 0 }])
  })

  test('keeps nothing in its store once all is answered', async () => {
    await using run = await open()
    await run.send('a', 'a1')
    await run.send('a', 'a2')
    const rows = () => run.driver.store<string, unknown>('reserve-under-way').approximateCount()
    expect(rows()).toBeGreaterThan(0)
    await run.answer('a1')
    await run.answer('a2')
    // What is left is the number that the store gives its places by.
    expect([...run.driver.store<string, unknown>('reserve-under-way').all()]).toEqual([])
  })

  test('what makes no sense is refused', () => {
    const build = (options: object) =>
      topology('wrong', (builder) => {
        builder.stream(orders).mapValuesAsync(async () => '', options as AsyncOptions)
      })
    const refused = expect.objectContaining({ code: 'INVALID_TOPOLOGY' }) as Error
    expect(() => build({})).toThrow(refused)
    expect(() => build({ name: 'a', concurrency: 0 })).toThrow(refused)
    expect(() => build({ name: 'a', limit: 1.5 })).toThrow(refused)
    expect(() => build({ name: 'a', retry: { attempts: 3 } })).toThrow(refused)
  })
})
