/** An application that moves from Kafka Streams to Millrace and back, on the same changelogs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, inject, test, vi } from 'vitest'
import {
  keyValueStore,
  long,
  session,
  sessionWindowed,
  string,
  topic,
  topology,
  tumbling,
  windowed,
} from 'millrace'
import { systemClock } from '../src/core/clock.ts'
import type { RawRecord } from '../src/core/record.ts'
import type { Serde } from '../src/serde/serde.ts'
import { javaCommand } from '../src/dev/environment.ts'
import { missingForJavaStreams, streamsClassPath } from '../src/dev/streams-distribution.fixture.ts'
import { partitionForKey } from '../src/kafka/wire/murmur2.ts'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { javaTestFlags } from './support/kafka-tools.ts'
import { repository, start, type Running } from './support/millrace-command.ts'
import { readAll } from './support/orders-account.ts'
import { Thread } from './support/stream-thread.ts'

const PARTITIONS = 3
const KEYS = 12
const MINUTE_MS = 60_000
/** Not long ago: what is old is deleted by Kafka. A minute begins with it. */
const START_MS = (Math.floor(systemClock.nowMs() / MINUTE_MS) - 5) * MINUTE_MS

const brokers = inject('kafkaBrokers')
const name = uniqueName()
const folder = mkdtempSync(join(tmpdir(), 'millrace-java-changelogs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const missing = await missingForJavaStreams()
if (missing !== undefined) {
  process.stderr.write(`skipped: changelogs of Kafka Streams, because ${missing}\n`)
}

const visits = topic(`${name}.visits`, { key: string, value: string })
const totals = topic(`${name}.totals`, { key: string, value: long })
const minutes = topic(`${name}.minutes`, { key: windowed(string, '1m'), value: long })
const sessions = topic(`${name}.sessions`, { key: sessionWindowed(string), value: long })
const outputs = [totals, minutes, sessions] as const

/** As JavaCounting.java has it: the same application, the same stores. */
const counting = topology(name, (builder) => {
  const byKey = builder.stream(visits).groupByKey()
  byKey
    .count({ store: keyValueStore('totals', { key: string, value: long }) })
    .toStream()
    .to(totals)
  byKey
    .windowedBy(tumbling('1m', { grace: '1m' }))
    .count({ store: { name: 'minutes', value: long } })
    .toStream()
    .to(minutes)
  byKey
    .windowedBy(session('30s', { grace: '1m' }))
    .count({ store: { name: 'sessions', value: long } })
    .toStream()
    .filter((count) => count !== null)
    .to(sessions)
})

const read = async (of: string): Promise<readonly RawRecord[]> => {
  await using port = await connectTo(brokers)
  return await readAll(port, of)
}

/** A visit of every key, two seconds after the round before. */
async function visit(round: number): Promise<void> {
  await using port = await connectTo(brokers)
  const atMs = (index: number): number => START_MS + round * 2_000 + index
  const all = Array.from({ length: KEYS }, (_, index) => [`schlüssel-${index}`, index] as const)
  await write(
    port,
    visits.name,
    all.map(([key, index]) => [key, String(round * 1_000 + index), atMs(index)] as const),
  )
}

/** The last of every key of an output, once it has so many records. */
async function lastOf<K>(
  { name: of, key }: { readonly name: string; readonly key: Serde<K> },
  records: number,
): Promise<ReadonlyMap<string, number>> {
  await vi.waitUntil(async () => (await read(of)).length >= records, { timeout: 60_000 })
  const all = await read(of)
  expect(all).toHaveLength(records)
  const bytes = (value: Uint8Array | null): Uint8Array => value ?? new Uint8Array()
  return new Map(
    all.map((each) => [
      JSON.stringify(key.deserialize(bytes(each.key))),
      long.deserialize(bytes(each.value)),
    ]),
  )
}

/** After so many rounds, by whoever counted them. */
async function expectCounted(rounds: number): Promise<void> {
  const keys = Array.from({ length: KEYS }, (_, index) => `schlüssel-${index}`)
  const [byKey, byMinute, bySession] = await Promise.all([
    lastOf(totals, rounds * KEYS),
    lastOf(minutes, rounds * KEYS),
    lastOf(sessions, rounds * KEYS),
  ])
  const window = { startMs: START_MS, endMs: START_MS + MINUTE_MS }
  expect(byKey).toEqual(new Map(keys.map((key) => [JSON.stringify(key), rounds])))
  expect(byMinute).toEqual(new Map(keys.map((key) => [JSON.stringify({ key, window }), rounds])))
  // Of a session every length that it has had is a key of its own.
  keys.forEach((key, index) => {
    const startMs = START_MS + index
    const endMs = startMs + (rounds - 1) * 2_000
    expect(bySession.get(JSON.stringify({ key, window: { startMs, endMs } }))).toBe(rounds)
  })
}

async function java(state: string): Promise<Running> {
  const program = join(repository, 'integration-tests/support/JavaCounting.java')
  const args = ['-cp', await streamsClassPath(), program, brokers.join(','), name]
  return start(javaCommand(), [...javaTestFlags, ...args, join(folder, state)])
}

async function untilGroupIsEmpty(): Promise<void> {
  await using port = await connectTo(brokers)
  const members = async (): Promise<number> => (await port.describeGroup(name)).members.length
  await vi.waitUntil(async () => (await members()) === 0, { timeout: 30_000, interval: 100 })
}

/** Has Kafka Streams, without any local state, count the next round. */
async function countInJava(state: string, rounds: number): Promise<void> {
  await visit(rounds - 1)
  await using streams = await java(state)
  await Promise.race([
    expectCounted(rounds),
    streams.finished.then(({ stderr }) => Promise.reject(new Error(`Java ended: ${stderr}`))),
  ])
  streams.signal('SIGTERM')
  await streams.finished
  await untilGroupIsEmpty()
}

async function countHere(rounds: number): Promise<void> {
  await visit(rounds - 1)
  const thread = new Thread({
    topology: counting,
    connection: { brokers },
    processId: 'here',
    folder,
    run: { cacheMaxBytes: 0 },
  })
  await Promise.race([
    expectCounted(rounds),
    thread.failure.then((error) => Promise.reject(new Error('it ended', { cause: error }))),
  ])
  expect(await thread.stop()).toBeUndefined()
}

// Where this machine cannot run it the reason is printed above.
describe.runIf(missing === undefined)('an application', { retry: 0 }, () => {
  test('goes on with the state of Kafka Streams, and that one with ours', async () => {
    await using port = await connectTo(brokers)
    const topics = [visits, ...outputs].map((each) => each.name)
    await createTopics(port, [...topics, `${name}.longs`], PARTITIONS)
    await countInJava('state-1', 1)
    await countHere(2)
    await countInJava('state-2', 3)

    // Where Java puts keys of eight bytes, and texts, is where we do.
    for (const { key, partition } of [
      ...(await read(`${name}.longs`)),
      ...(await read(totals.name)),
    ]) {
      expect(partition).toBe(partitionForKey(key ?? new Uint8Array(), PARTITIONS))
    }
  })
})
