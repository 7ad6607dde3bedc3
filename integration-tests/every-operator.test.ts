/**
 * Each operator on a real Kafka gives what it gives in the test driver, though its process stops,
 * or is killed, half-way, and starts again with its local state or without.
 */
import { globSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import { systemClock } from '../src/core/clock.ts'
import { seededRandom } from '../src/core/random.ts'
import { noHeaders } from '../src/core/record.ts'
import { topicPartitionKey } from '../src/core/topic-partition.ts'
import { GroupedStream } from '../src/dsl/grouped-stream.ts'
import { GroupedTable } from '../src/dsl/grouped-table.ts'
import { Stream } from '../src/dsl/stream.ts'
import { Table } from '../src/dsl/table.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import { partitionForKey } from '../src/kafka/wire/murmur2.ts'
import { everyOperator, operators, tagged } from './support/every-operator/every-operator.ts'
import type { Topics } from './support/every-operator/io.ts'
import { connectTo, createTopics, plainProducer, uniqueName } from './support/kafka-client.ts'
import { Project, repository, type Running } from './support/millrace-command.ts'
import { readAll } from './support/orders-account.ts'

const PARTITIONS = 2
const folder = `${repository}/integration-tests/support/every-operator`
const brokers = inject('kafkaBrokers')
/** Recent enough for a broker that deletes by time. */
const BASE_MS = systemClock.nowMs() - 3_600_000

type InputTopic = Exclude<keyof Topics, 'output'>
interface Input {
  readonly topic: InputTopic
  readonly key: string
  readonly value: unknown
  readonly timestampMs: number
}

/** What is looked up whenever it is there: before everything else. */
const fixedInput: readonly Input[] = [
  ...[0, 1, 2, 3].map((n) => ({ topic: 'cities' as const, key: `city-${n}`, value: `City ${n}` })),
  ...[0, 1, 2, 5, 7].map((n) => ({
    topic: 'names' as const,
    key: `name-${n}`,
    value: `Name ${n}`,
  })),
].map((each, index) => ({ ...each, timestampMs: BASE_MS - 1_000 + index }))

const partitionOf = ({ key }: Pick<Input, 'key'>): number =>
  partitionForKey(Buffer.from(key), PARTITIONS)

/** In each partition, long after everything else: nothing waits for more to come. */
const lastInput: readonly Input[] = (['numbers', 'others'] as const).flatMap((topic, nth) =>
  [0, 1].map((partition) => {
    const key = ['key-0', 'key-1', 'key-2', 'key-3', 'key-4'].find(
      (each) => partitionOf({ key: each }) === partition,
    ) as string
    return { topic, key, value: 9, timestampMs: BASE_MS + 900_000 + 10 * partition + nth }
  }),
)

/** Records of some minutes, many of them late, with a silence in the middle. */
function halvesOf(seed: number): readonly [readonly Input[], readonly Input[]] {
  const random = seededRandom(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  const half = (number: number): readonly Input[] =>
    Array.from({ length: 260 }, (_, index) => {
      const topic = (['numbers', 'numbers', 'others', 'prices', 'rates'] as const)[below(5)]!
      // Times differ: what is read first of two equal ones is nobody's promise.
      const lateMs = below(4) === 0 ? 1 + 4 * below(700) : 0
      const timestampMs = BASE_MS + 4_000 + number * 400_000 + index * 400 - lateMs
      const isGone = (topic === 'prices' || topic === 'rates') && below(6) === 0
      return { topic, key: `key-${below(5)}`, value: isGone ? null : below(10), timestampMs }
    })
  return [half(0), [...half(1), ...lastInput]]
}

const halves = halvesOf(11)

/** As a task takes them: of what comes next in each topic the one with the smallest timestamp. */
function inTaskOrder(records: readonly Input[]): readonly Input[] {
  const queues = [...Map.groupBy(records, ({ topic }) => topic).values()].map((each) => [...each])
  const ordered: Input[] = []
  for (;;) {
    const heads = queues.filter((queue) => queue.length > 0)
    if (heads.length === 0) return ordered
    const next = heads.reduce((first, queue) =>
      (queue[0]?.timestampMs ?? 0) < (first[0]?.timestampMs ?? 0) ? queue : first,
    )
    ordered.push(next.shift() as Input)
  }
}

interface Row {
  readonly value: unknown
  readonly timestampMs: number
}
/** By key, whose operator's name comes first. */
type Rows = ReadonlyMap<string, readonly Row[]>

async function expectedRows(): Promise<Rows> {
  const { topology, topics } = everyOperator('every')
  await using driver = new TopologyTestDriver(topology, { partitions: PARTITIONS })
  for (const part of [fixedInput, ...halves]) {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      for (const { topic, key, value, timestampMs } of inTaskOrder(
        part.filter((each) => partitionOf(each) === partition),
      )) {
        await driver
          .input<string, unknown>(topics[topic] as never)
          .send(key, value, { timestampMs })
      }
    }
    await driver.advanceTime('1m')
  }
  return rowsOf(driver.output(topics.output).records())
}

const rowsOf = (records: readonly (Row & { readonly key: string })[]): Rows =>
  new Map(
    [...Map.groupBy(records, ({ key }) => key)].map(([key, all]) => [
      key,
      all.map(({ value, timestampMs }) => ({ value, timestampMs })),
    ]),
  )

async function write(port: KafkaPort, topics: Topics, input: readonly Input[]): Promise<void> {
  const producer = plainProducer(port)
  await producer.init()
  for (const { topic, key, value, timestampMs } of input) {
    const bytes = value === null ? null : Buffer.from(JSON.stringify(value))
    const to = topics[topic].name
    producer.send(to, null, timestampMs, Buffer.from(key), bytes, noHeaders)
  }
  await producer.flush()
  await producer.close()
}

/** How much of its input a group has not committed. */
async function lagOf(port: KafkaPort, group: string, topics: Topics): Promise<number> {
  const { output: _, names: __, ...read } = topics
  const inputs = Object.values(read).flatMap(({ name }) =>
    [0, 1].map((partition) => ({ topic: name, partition })),
  )
  const ends = await port.listOffsets(inputs, 'latest', 'read_committed')
  const offsets = await port.offsetFetch(group, inputs, false)
  return offsets.reduce((sum, { topic, partition, offset }) => {
    const end = ends.get(topicPartitionKey(topic, partition)) ?? 0
    return sum + end - (offset ?? 0)
  }, 0)
}

const settings = [
  ...['--cache-max-bytes', '0', '--commit-interval', '40ms', '--session-timeout', '1500ms'],
  ...['--transaction-timeout', '2s', '--log-level', 'warn'],
]

interface Variant {
  readonly ends: 'is stopped' | 'is killed'
  readonly keepsState: boolean
}

/** Runs all of the input, with an end in the middle, until the output is what it should be. */
async function runOnKafka({ ends, keepsState }: Variant, expected: Rows): Promise<Rows> {
  await using port = await connectTo(brokers)
  const name = uniqueName()
  const { topics } = everyOperator(name)
  using project = new Project({
    'every.ts': `
      import { everyOperator } from '${folder}/every-operator.ts'
      export default everyOperator('${name}').topology`,
  })
  await createTopics(
    port,
    Object.values(topics).map((each) => each.name),
    PARTITIONS,
  )
  const start = (life: number): Running =>
    project.start([
      ...['run', 'every.ts', '--brokers', brokers.join(','), ...settings],
      ...['--state-dir', project.path(keepsState ? 'state' : `state-${life}`)],
    ])
  const size = halves[0].length + fixedInput.length
  await write(port, topics, [...fixedInput, ...halves[0]])
  {
    await using first = start(1)
    const isFar = async (): Promise<boolean> => {
      const lag = await lagOf(port, name, topics).catch(() => size)
      return ends === 'is killed' ? lag < size - 60 : lag === 0
    }
    await vi.waitUntil(isFar, { timeout: 40_000, interval: 15 }).catch((error: unknown) => {
      throw new Error(`the first life wrote:\n${first.stdout()}${first.stderr()}`, { cause: error })
    })
    first.signal(ends === 'is killed' ? 'SIGKILL' : 'SIGTERM')
    expect((await first.finished).code).toBe(ends === 'is killed' ? null : 0)
  }
  await write(port, topics, halves[1])
  await using second = start(2)
  let rows: Rows = new Map()
  const isDone = async (): Promise<boolean> => {
    if ((await lagOf(port, name, topics).catch(() => 1)) > 0) return false
    rows = rowsOf(
      (await readAll(port, topics.output.name)).map(({ key, value, timestampMs }) => ({
        key: Buffer.from(key ?? []).toString(),
        value: value === null ? null : JSON.parse(Buffer.from(value).toString()),
        timestampMs,
      })),
    )
    return operators.every(({ name: each }) => differenceOf(each, rows, expected) === undefined)
  }
  await vi.waitUntil(isDone, { timeout: 40_000, interval: 300 }).catch(() => {})
  second.signal('SIGTERM')
  const { code, stdout, stderr } = await second.finished
  expect(code, `${stdout}${stderr}`).toBe(0)
  return rows
}

/** What is compared of the records of a key. */
const views = {
  exact: (rows: readonly Row[]) => rows.map(({ value, timestampMs }) => [value, timestampMs]),
  values: (rows: readonly Row[]) => rows.map(({ value }) => value),
  set: (rows: readonly Row[]) => rows.map(({ value }) => JSON.stringify(value)).toSorted(),
  last: (rows: readonly Row[]) => rows.at(-1)?.value,
}

function viewOf(name: string, rows: Rows): Readonly<Record<string, unknown>> {
  const { comparison } = operators.find((each) => each.name === name)!
  const own = [...rows].filter(([key]) => key.startsWith(tagged(name, '').slice(0, -2)))
  return Object.fromEntries(own.map(([key, each]) => [key, views[comparison](each)]))
}

function differenceOf(name: string, actual: Rows, expected: Rows): string | undefined {
  const [left, right] = [viewOf(name, actual), viewOf(name, expected)]
  return Object.keys({ ...left, ...right }).find(
    (key) => JSON.stringify(left[key]) !== JSON.stringify(right[key]),
  )
}

test('every word of the DSL that makes something of a stream or a table is among them', () => {
  const source = globSync(`${folder}/*.ts`)
    .map((path) => readFileSync(path, 'utf8'))
    .join()
  const { prototype: stream } = Stream
  const words = new Set(
    [stream, Table.prototype, GroupedStream.prototype, GroupedTable.prototype]
      .flatMap(function wordsOf(prototype: object): string[] {
        const parent: unknown = Object.getPrototypeOf(prototype)
        const inherited = parent === Object.prototype ? [] : wordsOf(parent as object)
        return [...inherited, ...Object.getOwnPropertyNames(prototype)]
      })
      .filter((word) => word !== 'constructor'),
  )
  // They send records out of the topology, or are there for other words.
  const others = ['forEach', 'to', 'after']
  const missing = [...words].filter(
    (word) => !others.includes(word) && !new RegExp(`\\.${word}[(<]`).test(source),
  )
  expect(missing).toEqual([])
})

const variants: readonly Variant[] = [
  { ends: 'is stopped', keepsState: true },
  { ends: 'is stopped', keepsState: false },
  { ends: 'is killed', keepsState: true },
  { ends: 'is killed', keepsState: false },
]

describe.each(variants)(
  'a process that $ends half-way (and keeps its local state: $keepsState)',
  { retry: 0 },
  (variant) => {
    let expected: Rows
    let actual: Rows
    beforeAll(async () => {
      expected = await expectedRows()
      actual = await runOnKafka(variant, expected)
    })
    afterAll(() => {
      expect([...actual.keys()].filter((key) => !expected.has(key))).toEqual([])
    })

    test.each(operators.map(({ name }) => name))('%s gives what it gives in a test', (name) => {
      const view = viewOf(name, expected)
      expect(Object.keys(view)).not.toEqual([])
      expect(viewOf(name, actual)).toEqual(view)
    })
  },
)
