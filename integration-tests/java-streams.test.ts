/** Records exchanged with a real Kafka Streams program, in both directions. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, inject, test, vi } from 'vitest'
import { double, int32, long, string, windowed } from 'millrace'
import { systemClock } from '../src/core/clock.ts'
import { noHeaders, type Headers, type RawRecord } from '../src/core/record.ts'
import { javaCommand } from '../src/dev/environment.ts'
import { missingForJavaStreams, streamsClassPath } from '../src/dev/streams-distribution.fixture.ts'
import { connectTo, createTopics, plainProducer, uniqueName } from './support/kafka-client.ts'
import { repository, start } from './support/millrace-command.ts'
import { readAll } from './support/orders-account.ts'

const PARTITIONS = 4
const KEYS = 40
const MINUTE_MS = 60_000
/** Not long ago, for Kafka deletes what is old, and no record is of tomorrow. */
const START_MS = (Math.floor(systemClock.nowMs() / MINUTE_MS) - KEYS) * MINUTE_MS

const brokers = inject('kafkaBrokers')
const name = uniqueName()
const missing = await missingForJavaStreams()
if (missing !== undefined) {
  process.stderr.write(`skipped: tests with Kafka Streams, because ${missing}\n`)
}
const stateFolder = mkdtempSync(join(tmpdir(), 'millrace-java-streams-'))
afterAll(() => rmSync(stateFolder, { recursive: true, force: true }))

const topicOf = (short: string): string => `${name}.${short}`
const minutes = windowed(string, '1m')
const bytesOf = (value: Uint8Array | null): Uint8Array => value ?? new Uint8Array()
const traced: Headers = [['trace', Buffer.from('ü-1')]]

const readable = async (short: string): Promise<readonly RawRecord[]> => {
  await using port = await connectTo(brokers)
  return await readAll(port, topicOf(short))
}
const untilCount = (short: string, count: number): Promise<unknown> =>
  vi.waitUntil(async () => (await readable(short)).length >= count, {
    timeout: 90_000,
    interval: 500,
  })

/** Numbers in one minute, two of each key, a tombstone at the end; and windowed keys. */
async function writeOurs(): Promise<void> {
  await using port = await connectTo(brokers)
  await createTopics(
    port,
    ['numbers', 'halves', 'counts', 'windowed', 'texts'].map(topicOf),
    PARTITIONS,
  )
  const producer = plainProducer(port, { compression: 'lz4' })
  await producer.init()
  for (let index = 0; index < 2 * KEYS; index += 1) {
    const key = string.serialize(`schlüssel-${index % KEYS}`)
    const value = long.serialize(index * 1_000_003 - 5)
    producer.send(topicOf('numbers'), null, START_MS + index, key, value, traced)
  }
  producer.send(topicOf('numbers'), null, START_MS + 99, Buffer.from('gone'), null, noHeaders)
  for (let index = 0; index < KEYS; index += 1) {
    const startMs = START_MS + index * 60_000
    const window = { startMs, endMs: startMs + 60_000 }
    const key = minutes.serialize({ key: `k-${index}`, window })
    producer.send(topicOf('windowed'), null, startMs, key, int32.serialize(-index), noHeaders)
  }
  await producer.flush()
  await producer.close()
}

// Where this machine cannot run it the reason is printed above.
describe.runIf(missing === undefined)('Kafka Streams', () => {
  test('reads what we write, and we what it writes', async () => {
    await writeOurs()
    const program = join(repository, 'integration-tests/support/JavaStreams.java')
    const flags = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m']
    const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
    const classPath = ['-cp', await streamsClassPath()]
    await using java = start(javaCommand(), [
      ...[...flags, quiet, ...classPath, program],
      ...[brokers.join(','), name, stateFolder],
    ])
    await Promise.race([
      Promise.all([
        untilCount('halves', 2 * KEYS + 1),
        untilCount('counts', 2 * KEYS),
        untilCount('texts', KEYS),
      ]),
      java.finished.then(({ stderr }) => Promise.reject(new Error(`Java ended: ${stderr}`))),
    ])

    const [numbers, halves] = await Promise.all([readable('numbers'), readable('halves')])
    // Strings, longs and doubles; headers; and the same key in the same partition: murmur2.
    const halved = (records: readonly RawRecord[], half: (bytes: Uint8Array) => number) =>
      records
        .map(({ partition, key, value, timestampMs, headers }) => ({
          partition,
          key: string.deserialize(bytesOf(key)),
          half: value === null ? null : half(value),
          timestampMs,
          headers: headers.map(([header, each]) => [header, Buffer.from(bytesOf(each)).toString()]),
        }))
        .toSorted((left, right) => left.timestampMs - right.timestampMs)
    expect(halved(halves, double.deserialize)).toEqual(
      halved(numbers, (bytes) => Number(long.deserialize(bytes)) * 0.5),
    )
    expect(new Set(halves.map(({ partition }) => partition)).size).toBe(PARTITIONS)
    expect(halves.filter(({ value }) => value === null)).toHaveLength(1)

    const window = { startMs: START_MS, endMs: START_MS + 60_000 }
    const counted = (await readable('counts')).map(({ key, value }) => ({
      key: minutes.deserialize(bytesOf(key)),
      count: Number(long.deserialize(bytesOf(value))),
    }))
    const byKey = Map.groupBy(counted, ({ key }) => key.key)
    expect(byKey.size).toBe(KEYS)
    for (const [key, each] of byKey) {
      const expected = [1, 2].map((count) => ({ key: { key, window }, count }))
      expect(each).toEqual(expected)
    }

    const texts = (await readable('texts')).map(({ value }) => string.deserialize(bytesOf(value)))
    expect(texts.toSorted()).toEqual(
      Array.from({ length: KEYS }, (_, index) => {
        const startMs = START_MS + index * 60_000
        return `k-${index}@${startMs}..${startMs + 60_000}=${-index}`
      }).toSorted(),
    )

    // The changelog of its window store: key, start, a sequence number.
    await using port = await connectTo(brokers)
    const logged = await readAll(port, `${name}-java-counts-changelog`)
    const last = new Map(
      logged.map((each) => [Buffer.from(bytesOf(each.key)).toString('hex'), each]),
    )
    expect(last.size).toBe(KEYS)
    for (const { key } of last.values()) {
      const keyBytes = Buffer.from(bytesOf(key))
      expect(keyBytes.readBigInt64BE(keyBytes.length - 12)).toBe(BigInt(START_MS))
      expect(keyBytes.readInt32BE(keyBytes.length - 4)).toBe(0)
      expect(string.deserialize(keyBytes.subarray(0, -12))).toMatch(/^schlüssel-\d+$/)
    }
    java.signal('SIGTERM')
  })
})
