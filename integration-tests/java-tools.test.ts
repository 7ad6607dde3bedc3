/** Records exchanged with Kafka's console producer and consumer: what every Java client writes. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { sessionWindowed, string, windowed, type Headers } from 'millrace'
import { systemClock } from '../src/core/clock.ts'
import { noHeaders } from '../src/core/record.ts'
import { missingForJavaStreams } from '../src/dev/streams-distribution.fixture.ts'
import { partitionForKey } from '../src/kafka/wire/murmur2.ts'
import type { Compression } from '../src/kafka/port.ts'
import { connectTo, createTopics, plainProducer, uniqueName } from './support/kafka-client.ts'
import { KafkaTools } from './support/kafka-tools.ts'
import { readAll } from './support/orders-account.ts'

const PARTITIONS = 3
const brokers = inject('kafkaBrokers')
const server = ['--bootstrap-server', brokers.join(',')]
const codecs: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const missing = await missingForJavaStreams()
if (missing !== undefined) process.stderr.write(`skipped: Kafka's console tools: ${missing}\n`)

let tools: KafkaTools
beforeAll(async () => {
  if (missing === undefined) tools = await KafkaTools.start()
})
afterAll(() => tools?.[Symbol.asyncDispose]())

const textOf = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString()

/** More than fits into a line of anything; a text that every codec makes smaller. */
const long = 'ein langer Text, '.repeat(400)
const rows = (codec: string) =>
  [
    [`schlüssel-${codec}`, `erster ${long}`],
    [`k-${codec}`, null],
    [`\u{1f600}-${codec}`, 'zweiter'],
  ] as const

const properties = (kind: string, all: readonly string[]): readonly string[] =>
  all.flatMap((each) => [`--${kind}-property`, each])

async function consume(topic: string, records: number, more: readonly string[] = []) {
  const shown = ['key', 'headers', 'partition', 'timestamp'].map((each) => `print.${each}=true`)
  const output = await tools.run('kafka-console-consumer.sh', [
    ...server,
    ...['--topic', topic, '--from-beginning', '--max-messages', String(records)],
    ...['--timeout-ms', '20000', ...properties('formatter', [...shown, 'null.literal=NULL'])],
    ...more,
  ])
  return output
    .split('\n')
    .filter((line) => line.includes('\t'))
    .map((line) => line.split('\t'))
}

async function produce(
  topic: string,
  compression: Compression,
  records: readonly (readonly [key: Uint8Array, value: string | null, headers?: Headers])[],
): Promise<number> {
  await using port = await connectTo(brokers)
  const producer = plainProducer(port, { compression })
  await producer.init()
  const nowMs = systemClock.nowMs()
  for (const [key, value, headers = noHeaders] of records) {
    producer.send(topic, null, nowMs, key, value === null ? null : Buffer.from(value), headers)
  }
  await producer.flush()
  await producer.close()
  return nowMs
}

// Where this machine cannot run them the reason is printed above.
describe.runIf(missing === undefined)("Kafka's console", () => {
  test('producer is read, whatever it compresses with', async () => {
    const topic = uniqueName()
    await using port = await connectTo(brokers)
    await createTopics(port, [topic], PARTITIONS)
    for (const codec of codecs) {
      const lines = rows(codec).map(
        ([key, value]) => `trace:ü-1,empty:\t${key}\t${value ?? 'NULL'}`,
      )
      const parse = ['parse.key=true', 'parse.headers=true', 'null.marker=NULL']
      await tools.run(
        'kafka-console-producer.sh',
        [
          ...server,
          ...['--topic', topic, '--compression-codec', codec, ...properties('reader', parse)],
        ],
        `${lines.join('\n')}\n`,
      )
    }
    const records = await readAll(port, topic)
    const found = records.map(({ key, value, headers }) => [
      textOf(key),
      textOf(value),
      headers.map(([header, bytes]) => [header, textOf(bytes)]),
    ])
    const headers = [
      ['trace', 'ü-1'],
      ['empty', ''],
    ]
    const expected = codecs.flatMap(rows).map(([key, value]) => [key, value, headers])
    expect(found).toHaveLength(expected.length)
    expect(found).toEqual(expect.arrayContaining(expected))
    for (const { key, partition } of records) {
      expect(partition).toBe(partitionForKey(key ?? new Uint8Array(), PARTITIONS))
    }
  })

  test('consumer reads what we write, whatever we compress with', async () => {
    const topic = uniqueName()
    await using port = await connectTo(brokers)
    await createTopics(port, [topic], PARTITIONS)
    const traced: Headers = [['trace', Buffer.from('ü-1')]]
    const expected: string[][] = []
    for (const codec of codecs) {
      const records = rows(codec).map(([key, value]) => [Buffer.from(key), value, traced] as const)
      const atMs = await produce(topic, codec, records)
      for (const [key, value] of records) {
        const partition = `Partition:${partitionForKey(key, PARTITIONS)}`
        const text = [key.toString(), value ?? 'NULL']
        expected.push([`CreateTime:${atMs}`, partition, 'trace:ü-1', ...text])
      }
    }
    const found = await consume(topic, expected.length)
    expect(found).toHaveLength(expected.length)
    expect(found).toEqual(expect.arrayContaining(expected))
  })

  test("consumer reads keys of windows and sessions with Kafka Streams' deserializers", async () => {
    const [ofWindows, ofSessions] = [uniqueName(), uniqueName()]
    await using port = await connectTo(brokers)
    await createTopics(port, [ofWindows, ofSessions], 1)
    const startMs = 1_795_000_020_000
    const window = { startMs, endMs: startMs + 60_000 }
    const key = { key: 'schlüssel', window }
    await produce(ofWindows, 'none', [[windowed(string, '1m').serialize(key), 'fenster']])
    await produce(ofSessions, 'none', [[sessionWindowed(string).serialize(key), 'sitzung']])
    const streams = 'org.apache.kafka.streams.kstream'
    const inner = 'org.apache.kafka.common.serialization.Serdes$StringSerde'
    const read = (topic: string, kind: string, more: readonly string[] = []) =>
      consume(topic, 1, [
        ...properties('formatter', [
          `key.deserializer=${streams}.${kind}WindowedDeserializer`,
          `key.deserializer.windowed.inner.deserializer.class=${inner}`,
          ...more,
        ]),
      ])
    const [found] = await read(ofWindows, 'Time', ['key.deserializer.window.size.ms=60000'])
    expect(found?.at(-2)).toBe(`[schlüssel@${startMs}/${startMs + 60_000}]`)
    const [ofSession] = await read(ofSessions, 'Session')
    expect(ofSession?.at(-2)).toBe(`[schlüssel@${startMs}/${startMs + 60_000}]`)
  })
})
