import { describe, expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { FixedKeyProcessor } from '../topology/fixed-key-processor.ts'
import { keyValueStore } from '../topology/key-value-store.ts'
import type { Processor, ProcessorContext } from '../topology/processor.ts'
import type { TopologyBuilder } from './builder.ts'
import { sideOutput } from './side-output.ts'
import { deadLetters, topic } from './topic.ts'
import { topology } from './topology.ts'

const input = topic('input', { key: string, value: json<number>() })
const output = topic('output', { key: string, value: json<number>() })
const others = topic('others', { key: string, value: json<string>() })
const failed = deadLetters('failed')

const driverOf = (build: (builder: TopologyBuilder) => void) =>
  new TopologyTestDriver(topology('processors', { deadLetters: failed }, build))

const headers = [['trace', Buffer.from('t-1')]] as const

describe('a processor', () => {
  test('forwards with the timestamp and headers of its record, unless it gives others', async () => {
    const processor: Processor<string, number, string, number> = {
      process: ({ key, value }, { forward }) => {
        forward({ key, value })
        forward({ key, value, timestampMs: 9, headers: [] })
      },
    }
    await using driver = driverOf((builder) =>
      builder.stream(input).process(processor, { name: 'twice' }).to(output),
    )
    await driver.input(input).send('a', 1, { timestampMs: 7, headers })
    expect(driver.output(output).records()).toEqual([
      { key: 'a', value: 1, timestampMs: 7, headers, partition: 0 },
      { key: 'a', value: 1, timestampMs: 9, headers: [], partition: 0 },
    ])
  })

  test('cannot forward with a time that Kafka does not know', async () => {
    const processor: Processor<string, number, string, number> = {
      process: ({ key, value }, { forward }) => forward({ key, value, timestampMs: value }),
    }
    await using driver = driverOf((builder) =>
      builder.stream(input).process(processor, { name: 'timed' }).to(output),
    )
    for (const time of [-1, 7, 0.5]) await driver.input(input).send('a', time)
    expect(driver.output(output).records()).toMatchObject([{ value: 7, timestampMs: 7 }])
    const letters = driver.deadLetters()
    expect(letters.map(({ code, offset }) => [code, offset])).toEqual([
      ['PROCESSING_FAILED', 0],
      ['PROCESSING_FAILED', 2],
    ])
    expect(letters[0]?.message).toContain('-1 as its timestamp')
  })

  test('knows where its record comes from and what time it is', async () => {
    const seen: unknown[] = []
    const look = (context: ProcessorContext<never, never>): void => {
      const { record, streamTimeMs, wallClockMs, taskId } = context
      seen.push({ record, streamTimeMs, wallClockMs, taskId })
    }
    const processor: Processor<string, number, never, never> = {
      init: (context) => {
        context.schedule('1s', 'wall-clock', () => look(context))
      },
      process: (_, context) => look(context),
    }
    await using driver = driverOf((builder) => {
      builder.stream(input).process(processor, { name: 'look' })
    })
    await driver.input(input).send('a', 1, { timestampMs: 7 })
    await driver.advanceTime('1s')
    expect(seen).toEqual([
      {
        record: { topic: 'input', partition: 0, offset: 0 },
        streamTimeMs: 7,
        wallClockMs: 0,
        taskId: '0_0',
      },
      { record: undefined, streamTimeMs: 7, wallClockMs: 1_000, taskId: '0_0' },
    ])
  })

  test('forwards from a punctuation at its time and without headers', async () => {
    const processor: Processor<string, number, string, number> = {
      init: ({ schedule, forward }) => {
        schedule('1s', 'wall-clock', () => forward({ key: 'tick', value: 0 }))
      },
      process: () => {},
    }
    await using driver = driverOf((builder) =>
      builder.stream(input).process(processor, { name: 'tick' }).to(output),
    )
    await driver.input(input).send('a', 1, { timestampMs: 7, headers })
    await driver.advanceTime('1s')
    expect(driver.output(output).records()).toEqual([
      { key: 'tick', value: 0, timestampMs: 1_000, headers: [], partition: 0 },
    ])
  })

  test('gives records to a side output; those that nobody reads are dropped and counted', async () => {
    const late = sideOutput<string, string>('late')
    const unread = sideOutput<string, string>('unread')
    const processor: Processor<string, number, string, number> = {
      process: (record, { forward, sideOutput: give }) => {
        forward(record)
        give(late, { key: record.key, value: `late ${record.value}` })
        give(unread, { key: record.key, value: 'nobody' })
      },
    }
    await using driver = driverOf((builder) => {
      const processed = builder.stream(input).process(processor, { name: 'give' })
      processed.to(output)
      processed.sideOutput(late).to(others)
    })
    await driver.input(input).send('a', 1)
    expect(driver.output(output).values()).toEqual([1])
    expect(driver.output(others).values()).toEqual(['late 1'])
    expect(driver.counters.dropped).toBe(1)
  })

  test('is made for each task, and closed with it', async () => {
    const seen: string[] = []
    class Counter implements Processor<string, number, string, number> {
      #count = 0
      process: Processor<string, number, string, number>['process'] = ({ key }, { forward }) => {
        this.#count += 1
        forward({ key, value: this.#count })
      }
      close = (): void => void seen.push(`closed at ${this.#count}`)
    }
    const built = topology('counters', (builder) =>
      builder
        .stream(input)
        .process(() => new Counter(), { name: 'count' })
        .to(output),
    )
    for (const expected of [[1, 2], [1]]) {
      await using driver = new TopologyTestDriver(built)
      for (const value of expected) await driver.input(input).send('a', value)
      expect(driver.output(output).values()).toEqual(expected)
    }
    expect(seen).toEqual(['closed at 2', 'closed at 1'])
  })

  test('has only the stores that it declared', async () => {
    const processor: Processor<string, number, never, never> = {
      process: (_, { store }) => void store('counts'),
    }
    await using driver = driverOf((builder) => {
      builder.stream(input).groupByKey().count({ store: 'counts' })
      builder.stream(input).process(processor, { name: 'peeping' })
    })
    await expect(driver.input(input).send('a', 1)).rejects.toMatchObject({
      code: 'STORE_MISSING',
      message: 'node "peeping" did not declare store "counts"',
    })
  })

  test('puts with the timestamp of its record, also after it has forwarded others', async () => {
    const store = keyValueStore('latest', { key: string, value: json<number>() })
    const processor: Processor<string, number, string, number> = {
      process: ({ key, value }, { forward, store: latest }) => {
        const rows = latest<string, number>('latest')
        rows.put(`${key} before`, value)
        forward({ key, value, timestampMs: 9 })
        rows.put(`${key} after`, value)
      },
    }
    await using driver = driverOf((builder) =>
      builder
        .stream(input)
        .process(processor, { name: 'keep', stores: [store] })
        .mapValues((value) => value + 1)
        .to(output),
    )
    await driver.input(input).send('a', 1, { timestampMs: 7 })
    const rows = driver.store<string, number>('latest')
    expect(rows.getWithTimestamp('a before')?.timestampMs).toBe(7)
    expect(rows.getWithTimestamp('a after')?.timestampMs).toBe(7)
  })

  test('shares a store with another one that declares it', async () => {
    const counts = keyValueStore('counts', { key: string, value: json<number>() })
    const write: Processor<string, number, never, never> = {
      process: ({ key, value }, { store }) => store<string, number>('counts').put(key, value),
    }
    const read: Processor<string, string, string, number> = {
      process: ({ key }, { store, forward }) =>
        forward({ key, value: store<string, number>('counts').get(key) ?? -1 }),
    }
    await using driver = driverOf((builder) => {
      builder.stream(input).process(write, { name: 'write', stores: [counts] })
      builder
        .stream(others)
        .process(read, { name: 'read', stores: [counts] })
        .to(output)
    })
    await driver.input(input).send('a', 5)
    await driver.input(others).send('a', 'how many?')
    await driver.input(others).send('b', 'how many?')
    expect(driver.output(output).values()).toEqual([5, -1])
  })

  test('cannot forward once its record is done with', async () => {
    let forwardLater = (): void => {}
    const processor: Processor<string, number, string, number> = {
      process: (record, { forward }) => {
        forwardLater = () => forward(record)
      },
    }
    await using driver = driverOf((builder) =>
      builder.stream(input).process(processor, { name: 'later' }).to(output),
    )
    await driver.input(input).send('a', 1)
    expect(forwardLater).toThrow('node "later" forwards a record outside process and punctuations')
  })
})

describe('a processor of values', () => {
  const plusOne: FixedKeyProcessor<string, number, number> = {
    process: ({ value }, { forward }) => forward({ value: value + 1 }),
  }

  test('keeps the key, so that what follows needs no topic', async () => {
    const built = topology('values', (builder) =>
      builder
        .stream(input)
        .processValues(plusOne, { name: 'plus-one' })
        .groupByKey()
        .reduce((sum, value) => sum + value, { store: 'sums' })
        .toStream()
        .to(output),
    )
    expect(built.repartitions.size).toBe(0)
    await using driver = new TopologyTestDriver(built)
    for (const value of [1, 2]) await driver.input(input).send('a', value)
    expect(driver.output(output).keyValues()).toEqual([
      ['a', 2],
      ['a', 5],
    ])
  })

  test('cannot forward another key', async () => {
    const other: FixedKeyProcessor<string, number, number> = {
      process: ({ value }, { forward }) => forward({ key: 'other', value }),
    }
    await using driver = driverOf((builder) =>
      builder.stream(input).processValues(other, { name: 'other' }).to(output),
    )
    await driver.input(input).send('a', 1)
    expect(driver.deadLetters()).toMatchObject([
      { node: 'other', message: 'node "other" forwards another key from processValues' },
    ])
  })
})
