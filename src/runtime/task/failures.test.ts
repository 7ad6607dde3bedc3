import { describe, expect, test } from 'vitest'
import {
  deadLetters,
  json,
  keyValueStore,
  string,
  topic,
  topology,
  type FailurePolicy,
  type Topology,
  type TopologyBuilder,
} from 'millrace'
import { deadLetterOf } from '../../core/dead-letter.ts'
import { AssertionFailure } from '../../core/errors.ts'
import type { Life, LifeOptions } from '../life.fixtures.ts'
import { Disk, Simulation, START_MS, textOf, type InputRecord } from '../simulation.fixtures.ts'

const input = topic('input', { key: string, value: json<{ n: number; pad?: string }>() })
const output = topic('output', { key: string, value: json<unknown>() })

const application = (
  onFailure: FailurePolicy | undefined,
  build: (builder: TopologyBuilder) => void,
): Topology =>
  topology(
    'app',
    onFailure === undefined
      ? { deadLetters: deadLetters('dead') }
      : onFailure === 'dead-letter'
        ? { deadLetters: deadLetters('dead'), onFailure }
        : { onFailure },
    build,
  )

const record = (value: string, key = 'k'): InputRecord => ({
  topic: 'input',
  key,
  value,
  timestampMs: START_MS,
})

interface Outcome {
  readonly simulation: Simulation
  readonly life: Life
  readonly values: readonly (string | null)[]
  readonly dead: readonly ReturnType<typeof deadLetterOf>[]
  readonly committed: number | undefined
  readonly failure: unknown
}

/** Runs the records through, until they are committed or the thread has failed. */
async function outcomeOf(
  app: Topology,
  records: readonly InputRecord[],
  options: Partial<LifeOptions> = {},
  prepare: (simulation: Simulation) => void = ({ cluster }) => cluster.createTopic('dead', 1),
): Promise<Outcome> {
  using simulation = new Simulation()
  for (const name of ['input', 'output']) simulation.cluster.createTopic(name, 1)
  prepare(simulation)
  return await simulation.clock.run(async () => {
    const life = simulation.start({
      topology: app,
      disk: new Disk(),
      clientId: 'app',
      ...options,
    })
    simulation.write(records, 1)
    await simulation.until(
      () => simulation.hasCommitted('app', ['input'], 1) || life.thread.state === 'failed',
      'it is through, or has failed',
    )
    const failure = await life.stop()
    const hasDeadLetters = app.deadLetters !== undefined && failure === undefined
    return {
      simulation,
      life,
      failure,
      values: (simulation.committed('output', 1)[0] ?? []).map(({ value }) => textOf(value)),
      dead: hasDeadLetters ? (simulation.committed('dead', 1)[0] ?? []).map(deadLetterOf) : [],
      committed: simulation.cluster.groupState('app')?.offsets.get('input-0'),
    }
  })
}

const copying = (onFailure?: FailurePolicy): Topology =>
  application(onFailure, (builder) => {
    builder
      .stream(input)
      .mapValues((value) => {
        if (value.n === 13) throw new RangeError('thirteen is bad luck')
        return value.n
      })
      .to(output)
  })

describe('a record that cannot be read', () => {
  const records = [record('{"n":1}'), record('{"n":'), record('{"n":3}')]

  test('goes to the dead letters as it was', async () => {
    const { values, dead, committed } = await outcomeOf(copying(), records)
    expect(values).toEqual(['1', '3'])
    expect(committed).toBe(3)
    expect(
      dead.map(({ value, topic: from, partition, offset, code }) => [
        textOf(value),
        from,
        partition,
        offset,
        code,
      ]),
    ).toEqual([['{"n":', 'input', 0, 1, 'SERDE_FAILED']])
  })

  test('is skipped where the topology says so', async () => {
    const { values, life, committed } = await outcomeOf(copying('skip'), records)
    expect(values).toEqual(['1', '3'])
    expect(committed).toBe(3)
    expect(life.thread.snapshot().counters.skipped).toBe(1)
  })

  test('stops the thread where the topology says so, and is not passed', async () => {
    const { values, failure, committed } = await outcomeOf(copying('stop'), records)
    expect(failure).toMatchObject({ code: 'SERDE_FAILED' })
    expect(values).toEqual([])
    expect(committed).not.toBe(3)
  })

  test('is skipped where only its source says so', async () => {
    const app = application('stop', (builder) => {
      builder.stream(input, { onBadRecord: 'skip' }).to(output)
    })
    const { values, committed } = await outcomeOf(app, records)
    expect(values).toEqual(['{"n":1}', '{"n":3}'])
    expect(committed).toBe(3)
  })
})

describe('a record that a step fails on', () => {
  const records = [record('{"n":1}'), record('{"n":13}'), record('{"n":3}')]

  test('goes to the dead letters with the step and the reason', async () => {
    const { values, dead, committed } = await outcomeOf(copying(), records)
    expect(values).toEqual(['1', '3'])
    expect(committed).toBe(3)
    expect(dead).toHaveLength(1)
    expect(dead[0]).toMatchObject({
      offset: 1,
      code: 'PROCESSING_FAILED',
      exception: 'RangeError',
      message: 'thirteen is bad luck',
      task: '0_0',
      application: 'app',
      attempts: 1,
    })
    expect(dead[0]?.node).toContain('map-values')
  })

  test('is skipped, or stops the thread, where the topology says so', async () => {
    expect(await outcomeOf(copying('skip'), records)).toMatchObject({ values: ['1', '3'] })
    expect(await outcomeOf(copying('stop'), records)).toMatchObject({
      failure: { code: 'PROCESSING_FAILED' },
      values: [],
    })
  })
})

test('a record that cannot be written goes to the dead letters', async () => {
  const app = application(undefined, (builder) => {
    builder
      .stream(input)
      .mapValues(({ n }) => (n === 13 ? 13n : n))
      .to(output)
  })
  const { values, dead } = await outcomeOf(app, [record('{"n":13}'), record('{"n":2}')])
  expect(values).toEqual(['2'])
  expect(dead.map(({ offset, code }) => [offset, code])).toEqual([[0, 'SERDE_FAILED']])
})

test('a record whose output is larger than a broker takes goes to the dead letters', async () => {
  const app = application(undefined, (builder) => {
    builder
      .stream(input)
      .mapValues(({ n }) => 'x'.repeat(n))
      .to(output)
  })
  const { values, dead } = await outcomeOf(app, [record('{"n":2000000}'), record('{"n":2}')])
  expect(values).toEqual(['"xx"'])
  expect(dead.map(({ offset, code }) => [offset, code])).toEqual([[0, 'PROCESSING_FAILED']])
})

test('a change of state that is larger than a broker takes leaves the state as it was', async () => {
  const app = application(undefined, (builder) => {
    builder
      .stream(input)
      .groupByKey()
      .aggregate<string>(
        () => '',
        ({ n }, sum) => sum + 'x'.repeat(n),
        { store: 'sums' },
      )
      .toStream()
      .to(output)
  })
  const records = [record('{"n":1}'), record('{"n":2000000}'), record('{"n":2}')]
  for (const guarantee of ['exactly-once', 'at-least-once'] as const) {
    const { values, dead } = await outcomeOf(app, records, { guarantee })
    expect(values).toEqual(['"x"', '"xxx"'])
    expect(dead.map(({ offset }) => offset)).toEqual([1])
  }
})

test('a dead letter is committed with the offset that passes its record, or not at all', async () => {
  const seen: unknown[] = []
  await outcomeOf(copying(), [record('{"n":13}')], {}, (simulation) => {
    simulation.cluster.createTopic('dead', 1)
    const look = (): undefined => {
      seen.push([
        simulation.committed('dead', 1).flat().length,
        simulation.cluster.groupState('app')?.offsets.get('input-0'),
      ])
    }
    simulation.cluster.faults.onRequest(({ api }) => api === 'endTxn', {
      before: look,
      after: look,
    })
  })
  expect(seen).toContainEqual([1, 1])
  for (const [letters, offset] of seen as readonly (readonly [number, number | undefined])[]) {
    expect(letters).toBe(offset === 1 ? 1 : 0)
  }
})

test('a dead letter that cannot be written stops the thread', async () => {
  const noTopic = await outcomeOf(copying(), [record('{"n":13}')], {}, () => {})
  expect(noTopic.failure).toMatchObject({ code: 'TOPIC_MISSING' })
  // With its headers it is larger than what it was read from.
  const huge = record(`{"n":13,"pad":"${'x'.repeat(1_048_400)}"}`)
  const tooLarge = await outcomeOf(copying(), [huge])
  expect(tooLarge.failure).toMatchObject({ code: 'BROKER_REFUSED' })
})

test('a bug of ours is never taken for the fault of a record', async () => {
  const app = application(undefined, (builder) => {
    builder
      .stream(input)
      .peek(() => {
        throw new AssertionFailure('two and two are five')
      })
      .to(output)
  })
  const { failure, committed } = await outcomeOf(app, [record('{"n":1}')])
  expect(failure).toBeInstanceOf(AssertionFailure)
  expect(committed ?? 0).toBe(0)
})

test('a refusal of Kafka is never taken for the fault of a record', async () => {
  const { values, life, failure } = await outcomeOf(
    copying(),
    Array.from({ length: 20 }, (_, n) => record(`{"n":${20 + n}}`)),
    {},
    ({ cluster }) => {
      cluster.createTopic('dead', 1)
      let commits = 0
      cluster.faults.onRequest(({ api }) => api === 'produce', {
        before: () => {
          commits += 1
          if (commits === 1) cluster.faults.fence('app-app-0')
          return undefined
        },
      })
    },
  )
  expect(failure).toBeUndefined()
  expect(values).toEqual(Array.from({ length: 20 }, (_, n) => String(20 + n)))
  expect(life.thread.snapshot().counters).toMatchObject({ deadLetters: 0, migrations: 1 })
})

test('a punctuation that fails stops the thread, for no record is at fault', async () => {
  const app = application(undefined, (builder) => {
    builder
      .stream(input)
      .process<string, unknown>(
        () => ({
          init: ({ schedule }) => {
            schedule('10ms', 'stream-time', () => {
              throw new Error('no time')
            })
          },
          process: (each, { forward }) => forward(each),
        }),
        { name: 'timed' },
      )
      .to(output)
  })
  const { failure, committed } = await outcomeOf(app, [record('{"n":1}')])
  expect(failure).toMatchObject({ code: 'PROCESSING_FAILED' })
  expect(committed ?? 0).toBe(0)
})

test('a step that cannot be made stops the thread and names itself', async () => {
  const app = application(undefined, (builder) => {
    builder
      .stream(input)
      .process<string, unknown>(
        () => ({
          init: () => {
            throw new Error('no configuration')
          },
          process: () => {},
        }),
        { name: 'unmakeable' },
      )
      .to(output)
  })
  const { failure } = await outcomeOf(app, [record('{"n":1}')])
  expect(failure).toMatchObject({
    code: 'PROCESSING_FAILED',
    message: 'step "unmakeable" failed: no configuration',
  })
})

test('a step that fails to close, or sends while it is closed, harms nothing', async () => {
  const app = application(undefined, (builder) => {
    builder
      .stream(input)
      .process<string, unknown>(
        () => {
          let put = (): void => {}
          return {
            init: ({ store }) => {
              put = () => store<string, unknown>('kept').put('k', 'closing')
            },
            process: (each, { forward }) => forward(each),
            close: () => put(),
          }
        },
        {
          name: 'late',
          stores: [keyValueStore('kept', { key: string, value: json<unknown>() })],
        },
      )
      .to(output)
  })
  const { failure, values, life, simulation } = await outcomeOf(app, [record('{"n":1}')])
  expect(failure).toBeUndefined()
  expect(values).toEqual(['{"n":1}'])
  expect(simulation.committed('app-kept-changelog', 1).flat()).toEqual([])
  expect(life.notes.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual(
    ['a step failed to close'],
  )
})

describe('a record that fails only when its update leaves the cache', () => {
  const counting = (onFailure?: FailurePolicy): Topology =>
    application(onFailure, (builder) => {
      builder
        .stream(input)
        .groupByKey()
        .count({ store: 'counts' })
        .toStream()
        .mapValues((count) => {
          if (count !== null && count >= 3) throw new Error('too many')
          return count
        })
        .to(output)
    })
  const records = [1, 2, 3, 4].map((n) => record(`{"n":${n}}`))
  const cached = { cacheMaxBytes: 1_000_000 }

  test('is found, and goes to the dead letters itself', async () => {
    const { failure, dead, values, life } = await outcomeOf(counting(), records, cached)
    expect(failure).toBeUndefined()
    expect(dead.map(({ offset, message }) => [offset, message])).toEqual([
      [2, 'too many'],
      [3, 'too many'],
    ])
    expect(values).toEqual(['1', '2'])
    expect(life.thread.snapshot().counters.migrations).toBe(1)
  })

  test('stops the thread where the topology says so', async () => {
    const { failure, values } = await outcomeOf(counting('stop'), records, cached)
    expect(failure).toMatchObject({ code: 'PROCESSING_FAILED' })
    expect(values).toEqual([])
  })

  test('does not take the blame for another one that pushed it out', async () => {
    // So small a cache gives way to every new key.
    const tiny = { cacheMaxBytes: 1 }
    const { dead, failure } = await outcomeOf(
      counting(),
      [...records, record('{"n":5}', 'innocent')],
      tiny,
    )
    expect(failure).toBeUndefined()
    expect(dead.map(({ offset }) => offset)).toEqual([2, 3])
  })
})
