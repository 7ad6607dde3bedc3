import { describe, expect, test } from 'vitest'
import { fixed } from '../operators/retry/backoff.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { TopologyBuilder } from './builder.ts'
import type { RetryOptions } from './retry.ts'
import { deadLetters, topic } from './topic.ts'
import { topology } from './topology.ts'

const failed = deadLetters('dead-letters')

describe('any step', () => {
  /** Fails once for each value. */
  const flaky = () => {
    const seen = new Set<unknown>()
    return (value: unknown): void => {
      if (seen.has(value)) return
      seen.add(value)
      throw new Error('not yet')
    }
  }
  const retry: RetryOptions<string, number> = { attempts: 2, backoff: fixed('1s') }
  const numbers = topic('numbers', { key: string, value: json<number>() })
  const results = topic('results', { key: string, value: json<unknown>() })

  const outcome = async (
    build: (builder: TopologyBuilder) => void,
  ): Promise<readonly unknown[]> => {
    const built = topology('any', { deadLetters: failed }, build)
    await using driver = new TopologyTestDriver(built)
    for (const value of [1, 2]) await driver.input(numbers).send('k', value)
    expect(driver.output(results).values()).toEqual([])
    await driver.advanceTime('1m')
    expect(driver.deadLetters()).toEqual([])
    return driver.output(results).keyValues()
  }

  test('may try again: filter, map, flatMap, selectKey, peek, forEach', async () => {
    const check = Array.from({ length: 8 }, flaky)
    const seen: number[] = []
    const out = await outcome((builder) => {
      const key = string
      const stream = builder
        .stream(numbers)
        .filter((value) => (check[0]?.(value), true), { name: 'filter', retry })
        .filterNot((value) => (check[1]?.(value), false), { name: 'filter-not', retry })
        .peek((value) => check[2]?.(value), { name: 'peek', retry })
        .flatMapValues((value) => (check[3]?.(value), [value, value * 10]), {
          name: 'flat-map-values',
          retry,
        })
        .selectKey((value) => (check[4]?.(value), `key-${value}`), { name: 'select-key', retry })
        .map((value, { key: old }) => (check[5]?.(value), [`${old}!`, value] as const), {
          name: 'map',
          retry: { ...retry, key },
        })
        .flatMap((value, { key: old }) => (check[6]?.(value), [[`${old}?`, value]] as const), {
          name: 'flat-map',
          retry: { ...retry, key },
        })
      stream.to(results)
      stream.forEach((value) => (check[7]?.(value), seen.push(value)), {
        name: 'for-each',
        retry: { ...retry, key },
      })
    })
    const order = (values: readonly unknown[]): readonly unknown[] =>
      values.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    expect(order(out)).toEqual([1, 10, 2, 20].map((n) => [`key-${n}!?`, n]))
    expect(order(seen)).toEqual([1, 10, 2, 20])
  })

  test('of the processor API sends nothing from an attempt that failed', async () => {
    const check = flaky()
    const out = await outcome((builder) => {
      builder
        .stream(numbers)
        .process<string, string>(
          {
            process: ({ key, value }, { forward }) => {
              forward({ key, value: `${value} before` })
              check(value)
              forward({ key, value: `${value} after` })
            },
          },
          { name: 'process', retry },
        )
        .to(results)
    })
    expect(out.map((pair) => (pair as [string, string])[1])).toEqual([
      '1 before',
      '1 after',
      '2 before',
      '2 after',
    ])
  })

  test('does not answer for what fails after it', async () => {
    const built = topology('after', { deadLetters: failed }, (builder) => {
      builder
        .stream(numbers)
        .mapValues((value) => value, { name: 'first', retry })
        .mapValues(
          () => {
            throw new Error('second')
          },
          { name: 'second' },
        )
        .to(results)
    })
    await using driver = new TopologyTestDriver(built)
    await driver.input(numbers).send('k', 1)
    expect(driver.deadLetters()).toMatchObject([{ node: 'second', attempts: 1, offset: 0 }])
    expect(driver.counters.retried).toBe(0)
  })

  test('that fails after a record has waited: a dead letter of the original record', async () => {
    const check = flaky()
    const built = topology('chain', { deadLetters: failed }, (builder) => {
      builder
        .stream(numbers)
        .mapValues((value) => (check(value), value + 1), { name: 'first', retry })
        .mapValues(
          (value) => {
            throw new Error(`no ${value}`)
          },
          { name: 'second', retry },
        )
        .mapValues(() => 1)
        .to(results)
    })
    await using driver = new TopologyTestDriver(built)
    await driver.input(numbers).send('k', 1, { timestampMs: 3 })
    await driver.advanceTime('1m')
    expect(driver.deadLetters()).toMatchObject([
      {
        node: 'second',
        message: 'no 2',
        attempts: 2,
        value: Buffer.from('1'),
        topic: 'numbers',
        offset: 0,
        timestampMs: 3,
        firstFailedAtMs: 1_000,
        failedAtMs: 2_000,
      },
    ])
  })

  test('that follows a cache has the update itself in its dead letters', async () => {
    const built = topology('cached', { deadLetters: failed }, (builder) => {
      builder
        .stream(numbers)
        .groupByKey()
        .count({ store: 'counts' })
        .toStream()
        .mapValues(
          (count) => {
            throw new Error(`no ${count}`)
          },
          { name: 'refuse', retry },
        )
        .to(results)
    })
    await using driver = new TopologyTestDriver(built, { cacheMaxBytes: 1_000_000 })
    await driver.input(numbers).send('k', 41, { timestampMs: 3 })
    await driver.advanceTime('1m')
    expect(driver.deadLetters()).toMatchObject([
      { message: 'no 1', key: Buffer.from('k'), value: Buffer.from('1'), topic: 'numbers' },
    ])
  })
})
