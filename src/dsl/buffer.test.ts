import { describe, expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import { fixed } from '../operators/retry/backoff.ts'
import type { Buffered, BufferOptions } from './buffer.ts'
import { deadLetters, topic } from './topic.ts'
import { topology } from './topology.ts'

const items = topic('items', { key: string, value: json<number | null>() })
const batches = topic('batches', { key: string, value: json<readonly (number | null)[]>() })
const pairs = topic('pairs', {
  key: string,
  value: json<readonly Buffered<string, number | null>[]>(),
})
const failed = deadLetters('failed')

class Items implements AsyncDisposable {
  readonly driver: TopologyTestDriver

  constructor(options: Partial<BufferOptions>) {
    const built = topology('gathering', { deadLetters: failed }, (builder) => {
      builder
        .stream(items)
        .buffer({ name: 'gathered', ...options })
        .to(batches)
    })
    this.driver = new TopologyTestDriver(built, { startMs: 1_000 })
  }

  async send(key: string, ...values: (number | null)[]): Promise<void> {
    for (const value of values) await this.driver.input(items).send(key, value)
  }

  batches(): string {
    return this.driver
      .output(batches)
      .keyValues()
      .map(([key, values]) => `${key}: ${values.join(' ')}`)
      .join('; ')
  }

  left(): readonly unknown[] {
    return [...this.driver.store('gathered').all()]
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.driver[Symbol.asyncDispose]()
  }
}

describe('a buffer sends on what it has gathered', () => {
  test('when it has so many records of a key, in their order', async () => {
    await using gathering = new Items({ records: 3 })
    await gathering.send('a', 1, 2)
    await gathering.send('b', 1)
    await gathering.send('a', 3, 4)
    expect(gathering.batches()).toBe('a: 1 2 3')
    await gathering.send('a', 5, 6, 7)
    await gathering.send('b', 2, 3)
    expect(gathering.batches()).toBe('a: 4 5 6; b: 1 2 3')
  })

  test('when its values have so many bytes: a batch never has more, unless it is one record', async () => {
    await using gathering = new Items({ bytes: 10 })
    await gathering.send('a', 1_111, 2_222, 333)
    expect(gathering.batches()).toBe('a: 1111 2222')
    await gathering.send('a', 4_444_444)
    expect(gathering.batches()).toBe('a: 333 4444444')
    await gathering.send('a', 5, 12_345_678_901, 6)
    expect(gathering.batches()).toBe('a: 5; a: 12345678901')
  })

  test('when its first record has waited for so long', async () => {
    await using gathering = new Items({ time: '5s', records: 4 })
    await gathering.send('a', 1)
    await gathering.driver.advanceTime('3s')
    await gathering.send('a', 2)
    await gathering.send('b', 1)
    await gathering.driver.advanceTime('1999ms')
    expect(gathering.batches()).toBe('')
    await gathering.driver.advanceTime('1ms')
    expect(gathering.batches()).toBe('a: 1 2')
    await gathering.driver.advanceTime('3s')
    expect(gathering.batches()).toBe('b: 1')
    await gathering.send('a', 3, 4, 5, 6, 7)
    expect(gathering.batches()).toBe('a: 3 4 5 6')
    await gathering.driver.advanceTime('1s')
    await gathering.send('a', 8)
    await gathering.driver.advanceTime('4s')
    expect(gathering.batches()).toBe('a: 7 8')
    await gathering.driver.advanceTime('1h')
    expect(gathering.batches()).toBe('')
    expect(gathering.left()).toEqual([])
  })

  test('with the largest timestamp of its records, and no headers', async () => {
    await using gathering = new Items({ records: 3 })
    const headers = [['trace', Buffer.from('t-1')]] as const
    for (const [value, timestampMs] of [[1, 7] as const, [2, 9] as const, [3, 8] as const]) {
      await gathering.driver.input(items).send('a', value, { timestampMs, headers })
    }
    expect(gathering.driver.output(batches).records()).toEqual([
      { key: 'a', value: [1, 2, 3], timestampMs: 9, headers: [], partition: 0 },
    ])
  })

  test('tombstones too, but nothing without a key', async () => {
    await using gathering = new Items({ records: 2 })
    await gathering.driver.input(items).send(null, 1)
    await gathering.send('a', 1, null)
    expect(gathering.driver.output(batches).values()).toEqual([[1, null]])
    expect(gathering.driver.counters.dropped).toBe(1)
  })
})

describe('a buffer by partition', () => {
  const built = topology('by-partition', { deadLetters: failed }, (builder) => {
    const gathered = builder.stream(items).buffer({ name: 'gathered', records: 3, by: 'partition' })
    gathered.map((batch) => ['all', batch]).to(pairs)
    gathered.flatMap((batch) => batch.map(({ key, value }) => [key, [value]] as const)).to(batches)
  })

  test('gathers the records of all keys with their keys', async () => {
    await using driver = new TopologyTestDriver(built)
    await driver.input(items).send('a', 1)
    await driver.input(items).send(null, 2)
    await driver.input(items).send('b', null)
    expect(driver.output(pairs).values()).toEqual([
      [
        { key: 'a', value: 1 },
        { key: null, value: 2 },
        { key: 'b', value: null },
      ],
    ])
    expect(driver.output(batches).keyValues()).toEqual([
      ['a', [1]],
      [null, [2]],
      ['b', [null]],
    ])
    expect([...driver.store('gathered').all()]).toEqual([])
  })

  test('is what a call for many records needs', async () => {
    const built = topology('called', { deadLetters: failed }, (builder) => {
      builder
        .stream(items)
        .selectKey((value) => `item ${value}`)
        .buffer({ name: 'gathered', records: 2, by: 'partition', key: string })
        .mapValuesAsync((batch) => Promise.resolve(batch.map(({ key }) => [key, [1]] as const)), {
          name: 'ask',
        })
        .flatMap((answers) => answers)
        .to(batches)
    })
    await using driver = new TopologyTestDriver(built)
    for (const value of [1, 2]) await driver.input(items).send('a', value)
    expect(driver.output(batches).keyValues()).toEqual([
      ['item 1', [1]],
      ['item 2', [1]],
    ])
  })
})

describe('a batch that fails further on', () => {
  test('is a dead letter for each of its records, as they were read', async () => {
    const built = topology('failing', { deadLetters: failed }, (builder) => {
      builder
        .stream(items)
        .mapValues((value) => ({ value }))
        .buffer({ name: 'gathered', records: 3, time: '1s' })
        .mapValues(
          (batch) => {
            if (batch.some(({ value }) => value === 13)) throw new Error('thirteen')
            return batch.map(({ value }) => value)
          },
          { name: 'sum', retry: { attempts: 2, backoff: fixed('10s') } },
        )
        .to(batches)
    })
    await using driver = new TopologyTestDriver(built)
    for (const value of [1, 13, 3, 4, 5, 6, 13]) await driver.input(items).send('a', value)
    await driver.advanceTime('1h')
    expect(driver.output(batches).values()).toEqual([[4, 5, 6]])
    expect(
      driver
        .deadLetters()
        .map(({ topic: from, offset, value, attempts, node }) =>
          [from, offset, Buffer.from(value ?? []).toString(), attempts, node].join(' '),
        ),
    ).toEqual(['items 0 1 2 sum', 'items 1 13 2 sum', 'items 2 3 2 sum', 'items 6 13 2 sum'])
  })
})

test('what is gathered and sent on between two commits is not logged', async () => {
  // Each record of the driver is a commit: what is left in the changelog is what waited.
  await using gathering = new Items({ records: 1 })
  await gathering.send('a', 1, 2)
  expect(gathering.batches()).toBe('a: 1; a: 2')
  expect(gathering.left()).toEqual([])
})

test('more keys than are known in memory are gathered all the same', async () => {
  await using gathering = new Items({ records: 2 })
  const { driver } = gathering
  for (let nth = 0; nth < 25_000; nth++) await driver.input(items).send(`key-${nth}`, nth)
  expect(gathering.batches()).toBe('')
  for (const nth of [0, 1, 24_999]) await driver.input(items).send(`key-${nth}`, -1)
  expect(gathering.batches()).toBe('key-0: 0 -1; key-1: 1 -1; key-24999: 24999 -1')
})

test('more values than are kept in memory are read from the store', async () => {
  const texts = topic('texts', { key: string, value: string })
  const sizes = topic('sizes', { key: string, value: json<readonly string[]>() })
  const built = topology('large', (builder) => {
    builder
      .stream(texts)
      .buffer({ name: 'gathered', records: 5 })
      .mapValues((batch) => batch.map((text) => `${text[0]} ${text.length}`))
      .to(sizes)
  })
  await using driver = new TopologyTestDriver(built)
  const keys = ['a', 'b', 'c', 'd', 'e']
  // Twenty MiB wait before the first batch is complete.
  for (const digit of ['1', '2', '3', '4', '5']) {
    for (const key of keys) await driver.input(texts).send(key, digit.repeat(1024 * 1024))
  }
  const expected = ['1', '2', '3', '4', '5'].map((digit) => `${digit} 1048576`)
  expect(driver.output(sizes).keyValues()).toEqual(keys.map((key) => [key, expected]))
})

describe('a buffer is refused', () => {
  const built = (options: Partial<BufferOptions>) => () => new Items(options)

  test('where it makes no sense', () => {
    expect(built({})).toThrow('buffer "gathered" does not say when a batch is complete')
    expect(built({ records: 0 })).toThrow('a batch of buffer "gathered" has 0 records')
    expect(built({ records: 100_000 })).toThrow('has 100000 records')
    expect(built({ bytes: 1e9 })).toThrow('has 1000000000 bytes')
    expect(built({ name: undefined as never, records: 1 })).toThrow('a buffer has no name')
  })
})
