import type { Windowed } from '../../serde/windowed-key.ts'
import { isVersioned, type ReadOnlyVersionedStore } from '../../state/versioned-store.ts'
import { TopologyTestDriver } from '../../testing/topology-test-driver.ts'
import { topology } from '../topology.ts'
import type { Family, Fixture, Row, WindowedKey } from './fixture.ts'
import { readKey, textTopic, written } from './topics.ts'

/** What a fixture says that Kafka Streams gives. */
export type Outcome = Pick<Fixture, 'output' | 'outputAt' | 'stores'>

/** Sends the fixture's input through the topology of its family. */
export async function runFixture(fixture: Fixture, build: Family): Promise<Outcome> {
  const { family, params, input } = fixture
  const built = topology(family, (builder) => build(builder, params as never))
  await using driver = new TopologyTestDriver(built, {
    startMs: fixture.initialWallClockMs,
    cacheMaxBytes: params.cacheBytes ?? 0,
  })
  const topics = Object.keys(fixture.output)
  const output = Object.fromEntries(topics.map((name) => [name, [] as Row[]]))
  const outputAt = Object.fromEntries(topics.map((name) => [name, [] as number[]]))
  for (const [at, step] of input.entries()) {
    if ('advanceWallClockMs' in step) await driver.advanceTime(`${step.advanceWallClockMs}ms`)
    else {
      const { topic: name, key, value, timestampMs } = step
      await driver.input(textTopic<unknown>(name)).send(key, value, { timestampMs })
    }
    for (const name of topics) {
      for (const record of driver.output(textTopic<unknown>(name)).records()) {
        const { key, value, timestampMs } = record
        output[name]?.push({ key: readKey(key), value, timestampMs })
        outputAt[name]?.push(at)
      }
    }
  }
  const stores = Object.entries(fixture.stores).map(([name, rows]) => [
    name,
    rowsOf(driver, name, rows, input),
  ])
  return { output, outputAt, stores: Object.fromEntries(stores) as Outcome['stores'] }
}

function rowsOf(
  driver: TopologyTestDriver,
  name: string,
  expected: readonly Row[],
  input: Fixture['input'],
): Row[] {
  const store = driver.store<string | Windowed<string>, unknown>(name)
  if (isVersioned(store)) return versionsOf(store as ReadOnlyVersionedStore<string, unknown>, input)
  const timed = expected.some((row) => row.timestampMs !== undefined)
  const found = [...store.all()].map(([key, value]) => ({
    key: typeof key === 'string' ? key : written(key),
    value,
    ...(timed ? { timestampMs: store.getWithTimestamp(key)?.timestampMs ?? Number.NaN } : {}),
  }))
  return found.toSorted((left, right) => byWindow(left.key, right.key))
}

/** What is found of some key as of the time of some record. */
function versionsOf(
  store: ReadOnlyVersionedStore<string, unknown>,
  input: Fixture['input'],
): Row[] {
  const keys = new Set<string>()
  const times = new Set<number | undefined>([undefined])
  for (const step of input) {
    if (!('topic' in step)) continue
    if (step.key !== null) keys.add(step.key)
    times.add(step.timestampMs)
  }
  return [...keys].toSorted().flatMap((key) => {
    const found = new Map<number, Row>()
    for (const timeMs of times) {
      const version = store.getWithTimestamp(key, timeMs)
      if (version !== undefined) found.set(version.timestampMs, { key, ...version })
    }
    return [...found.values()].toSorted((left, right) => timeOf(left) - timeOf(right))
  })
}

const timeOf = ({ timestampMs }: Row): number => timestampMs ?? Number.NaN

/** As the fixtures have windowed rows: by start, end and key. Other rows stay as they are. */
const byWindow = (left: string | WindowedKey, right: string | WindowedKey): number =>
  typeof left === 'string' || typeof right === 'string'
    ? 0
    : left.windowStartMs - right.windowStartMs ||
      left.windowEndMs - right.windowEndMs ||
      (left.key < right.key ? -1 : 1)

/** The first thing in which an outcome is not what Kafka Streams gave, in a line. */
export function firstDifference(expected: Outcome, got: Outcome): string | undefined {
  for (const [name, records] of Object.entries(expected.output)) {
    const different = firstOf(`record`, `topic "${name}"`, records, got.output[name] ?? [])
    if (different !== undefined) return different
    const [at, gotAt] = [expected.outputAt[name] ?? [], got.outputAt[name] ?? []]
    const i = at.findIndex((each, index) => each !== gotAt[index])
    if (i >= 0) {
      return `record ${i} of topic "${name}" ${JSON.stringify(records[i])}: expected at input ${at[i]}, got at input ${gotAt[i]}`
    }
  }
  for (const [name, rows] of Object.entries(expected.stores)) {
    const different = firstOf(`row`, `store "${name}"`, rows, got.stores[name] ?? [])
    if (different !== undefined) return different
  }
  return undefined
}

function firstOf(
  what: string,
  where: string,
  expected: readonly Row[],
  got: readonly Row[],
): string | undefined {
  const length = Math.max(expected.length, got.length)
  for (let i = 0; i < length; i++) {
    const [left, right] = [textOf(expected[i]), textOf(got[i])]
    if (left !== right) return `${what} ${i} of ${where}: expected ${left}, got ${right}`
  }
  return undefined
}

/** Fields in the order of the fixtures, whatever order the values came in. */
const textOf = (row: Row | undefined): string =>
  row === undefined
    ? 'nothing'
    : JSON.stringify({ key: row.key, value: row.value, timestampMs: row.timestampMs })
