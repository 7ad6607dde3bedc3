/** Retry, rate limit and buffer on a real Kafka, in processes that are killed in the middle. */
import { afterAll, expect, inject, test, vi } from 'vitest'
import { readTopic } from '../src/admin/read-topic.ts'
import { systemClock } from '../src/core/clock.ts'
import { deadLetterOf } from '../src/core/dead-letter.ts'
import type { RawRecord } from '../src/core/record.ts'
import { seededRandom } from '../src/core/random.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project, type Running } from './support/millrace-command.ts'

const PARTITIONS = 4
const ITEMS = 6_000
const KEYS = 40
const KILLS = 8
const SEED = 20_261_125

const brokers = inject('kafkaBrokers')
const name = uniqueName()
const [items, batches, failed] = [`${name}.items`, `${name}.batches`, `${name}.failed`]

/**
 * Every seventh item is in vain two thirds of the time, by the wall clock, and every hundredth for
 * ever. Of a key four pass at once and twenty a second: more come. What has passed is gathered.
 */
const project = new Project({
  'flow.ts': `
    import { deadLetters, exponential, fixed, json, string, topic, topology } from 'millrace'
    const items = topic('${items}', { key: string, value: json<number>() })
    const batches = topic('${batches}', { key: string, value: json<readonly number[]>() })
    const step = {
      process: (record, { forward, wallClockMs }) => {
        if (record.value % 7 === 0 && wallClockMs % 300 < 200) throw new Error('not now')
        forward(record)
      },
    }
    const refuse = (value) => {
      if (value % 100 === 99) throw new RangeError('never')
      return value
    }
    export default topology('${name}', { deadLetters: deadLetters('${failed}') }, (builder) => {
      builder
        .stream(items)
        .processValues(step, { name: 'step', retry: { attempts: 1_000, backoff: fixed('70ms') } })
        .mapValues(refuse, {
          name: 'refuse',
          retry: { attempts: 3, backoff: exponential('50ms', '100ms', { jitter: 0.5 }) },
        })
        .rateLimit({ name: 'limit', records: 20, per: '1s', burst: 4, overflow: 'delay' })
        .buffer({ name: 'gathered', records: 7, time: '400ms' })
        .to(batches)
    })`,
})
afterAll(() => project[Symbol.dispose]())

const start = (stateDirectory: string): Running => {
  const options = {
    brokers: brokers.join(','),
    'state-dir': stateDirectory,
    'session-timeout': '6s',
    'commit-interval': '50ms',
    'checkpoint-interval': '100ms',
    'log-level': 'warn',
  }
  const flags = Object.entries(options).flatMap(([option, value]) => [`--${option}`, value])
  return project.start(['run', 'flow.ts', ...flags])
}

const keyOf = (value: number): string => `key-${(value * 7_919) % KEYS}`
const isRefused = (value: number): boolean => value % 100 === 99
const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from }, (_, index) => from + index)

async function readAll(port: KafkaPort, topic: string): Promise<readonly RawRecord[]> {
  const records: RawRecord[] = []
  for await (const record of readTopic(port, systemClock, topic, 'end')) records.push(record)
  return records
}

const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString()

/** Of each key, what passed, in the order in which it came out. */
async function passed(port: KafkaPort): Promise<ReadonlyMap<string, readonly number[]>> {
  const byKey = new Map<string, number[]>()
  for (const { key, value } of await readAll(port, batches)) {
    const batch = JSON.parse(text(value)) as readonly number[]
    byKey.set(text(key), [...(byKey.get(text(key)) ?? []), ...batch])
  }
  return byKey
}

const count = (lists: ReadonlyMap<string, readonly number[]>): number =>
  [...lists.values()].flat().length

test('nothing is lost, doubled or out of the order of its key', { retry: 0 }, async () => {
  await using port = await connectTo(brokers)
  await createTopics(port, [items, batches, failed], PARTITIONS)
  const random = seededRandom(SEED)
  let running = start('state-0')
  for (let kill = 0; kill < KILLS; kill++) {
    const [from, to] = [kill, kill + 1].map((each) => Math.floor((each * ITEMS) / KILLS))
    await write(
      port,
      items,
      range(from!, to!).map((value) => [keyOf(value), String(value)]),
    )
    await systemClock.sleep(1_500 + 2_500 * random())
    running.signal('SIGKILL')
    await running.finished
    // Now and then another machine takes over, with nothing on its disk.
    running = start(`state-${Math.floor((kill + 1) / 3)}`)
  }
  const good = range(0, ITEMS).filter((value) => !isRefused(value))
  const isThrough = async (): Promise<boolean> =>
    count(await passed(port).catch(() => new Map<string, number[]>())) >= good.length
  await vi.waitUntil(isThrough, { timeout: 100_000, interval: 500 })
  await systemClock.sleep(1_000)
  running.signal('SIGTERM')
  expect(await running.finished).toMatchObject({ code: 0 })
  expect(await passed(port)).toEqual(Map.groupBy(good, keyOf))
  const letters = (await readAll(port, failed)).map(deadLetterOf)
  const seen = letters.map((letter) => [
    Number(text(letter.value)),
    letter.attempts,
    letter.node,
    letter.topic,
    text(letter.key),
  ])
  const bad = range(0, ITEMS).filter(isRefused)
  expect(seen.toSorted(([a], [b]) => Number(a) - Number(b))).toEqual(
    bad.map((value) => [value, 3, 'refuse', items, keyOf(value)]),
  )
})
