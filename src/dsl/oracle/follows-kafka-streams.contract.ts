import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Serde } from '../../serde/serde.ts'
import { json } from '../../serde/json.ts'
import { string } from '../../serde/string.ts'
import type { Windowed } from '../../serde/windowed-key.ts'
import { TopologyTestDriver } from '../../testing/topology-test-driver.ts'
import type { Topic } from '../../topology/topic.ts'
import type { TopologyBuilder } from '../builder.ts'
import { topic } from '../topic.ts'
import { topology } from '../topology.ts'

interface Row {
  readonly key: string | WindowedKey | null
  readonly value: unknown
  readonly timestampMs?: number
}

interface WindowedKey {
  readonly key: string
  readonly windowStartMs: number
  readonly windowEndMs: number
}

/** One run of a topology of real Kafka Streams 4.3.1 under its `TopologyTestDriver`. */
interface Fixture {
  readonly family: string
  readonly params: { readonly cacheBytes?: number }
  readonly initialWallClockMs: number
  readonly input: readonly (
    | {
        readonly topic: string
        readonly key: string | null
        readonly value: unknown
        readonly timestampMs: number
      }
    | { readonly advanceWallClockMs: number }
  )[]
  readonly output: Readonly<Record<string, readonly Row[]>>
  readonly stores: Readonly<Record<string, readonly Row[]>>
}

/** Builds the topology of a family of fixtures; each says which parameters it has. */
export type Family = (builder: TopologyBuilder, params: never) => void

const fixtures = new URL('./fixtures/', import.meta.url)

/** Topics of the fixtures: text keys, which may be missing, and JSON values. */
export const textTopic = <V>(name: string): Topic<string | null, V> =>
  topic(name, { key: string as unknown as Serde<string | null>, value: json<V>() })

/** Topics of the fixtures with windowed keys. */
export const windowedTopic = <V>(name: string): Topic<Windowed<string>, V> =>
  topic(name, {
    key: {
      name: 'windowed',
      serialize: (key) => string.serialize(windowedText + JSON.stringify(written(key))),
      deserialize: (): Windowed<string> => {
        throw new TypeError('windowed keys are written only')
      },
    },
    value: json<V>(),
  })

/** No key of a fixture begins like this. */
const windowedText = 'windowed '

const written = ({ key, window }: Windowed<string>): WindowedKey => ({
  key,
  windowStartMs: window.startMs,
  windowEndMs: window.endMs,
})

const readKey = (key: string | null): string | WindowedKey | null =>
  key !== null && key.startsWith(windowedText)
    ? (JSON.parse(key.slice(windowedText.length)) as WindowedKey)
    : key

/** `null` for null, a text as it is, a number in decimal. */
export const str = (value: string | number | null): string => String(value)

/** One test for each fixture of each family: every record, in order, and all rows of the stores. */
export function followsKafkaStreams(families: Readonly<Record<string, Family>>): void {
  const files = readdirSync(fixtures).toSorted()
  for (const [family, build] of Object.entries(families)) {
    for (const file of files.filter((name) => name.startsWith(`${family}--`))) {
      test(`${file.replace('.json', '')} gives what Kafka Streams gives`, async () => {
        const fixture = JSON.parse(readFileSync(new URL(file, fixtures), 'utf8')) as Fixture
        const { output, stores } = fixture
        expect(await runOf(fixture, build)).toEqual({ output, stores })
      })
    }
  }
}

async function runOf({ family, params, input, ...fixture }: Fixture, build: Family) {
  const built = topology(family, (builder) => build(builder, params as never))
  await using driver = new TopologyTestDriver(built, {
    startMs: fixture.initialWallClockMs,
    cacheMaxBytes: params.cacheBytes ?? 0,
  })
  for (const step of input) {
    if ('advanceWallClockMs' in step) await driver.advanceTime(`${step.advanceWallClockMs}ms`)
    else {
      const { topic: name, key, value, timestampMs } = step
      await driver.input(textTopic<unknown>(name)).send(key, value, { timestampMs })
    }
  }
  const output = Object.keys(fixture.output).map((name) => [
    name,
    driver
      .output(textTopic<unknown>(name))
      .records()
      .map(({ key, value, timestampMs }) => ({ key: readKey(key), value, timestampMs })),
  ])
  const stores = Object.entries(fixture.stores).map(([name, rows]) => {
    const store = driver.store<string | Windowed<string>, unknown>(name)
    // Stores of processors and of sessions have no timestamps in Kafka Streams.
    const timed = rows.some((row) => row.timestampMs !== undefined)
    const found = [...store.all()].map(([key, value]) => ({
      key: typeof key === 'string' ? key : written(key),
      value,
      ...(timed ? { timestampMs: store.getWithTimestamp(key)?.timestampMs } : {}),
    }))
    found.sort((left, right) => byWindow(left.key, right.key))
    return [name, found]
  })
  return { output: Object.fromEntries(output), stores: Object.fromEntries(stores) }
}

/** As the fixtures have windowed rows: by start, end and key. Other rows stay as they are. */
const byWindow = (left: string | WindowedKey, right: string | WindowedKey): number =>
  typeof left === 'string' || typeof right === 'string'
    ? 0
    : left.windowStartMs - right.windowStartMs ||
      left.windowEndMs - right.windowEndMs ||
      (left.key < right.key ? -1 : 1)
