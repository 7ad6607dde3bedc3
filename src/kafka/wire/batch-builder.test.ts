import { describe, expect, test } from 'vitest'
import { seededRandom, type Random } from '../../core/random.ts'
import { noHeaders } from '../../core/record.ts'
import type { Compression } from '../port.ts'
import {
  appendAll,
  plain,
  recordsOf,
  toBytes,
  toHeaders,
  type PlainRecord,
} from './batch.fixture.ts'
import { BatchBuilder, setProducer } from './batch-builder.ts'
import { readBatchHeader } from './batch-reader.ts'

const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

const whole = (random: Random, below: number): number => Math.floor(random() * below)
const pick = <T>(random: Random, among: readonly T[]): T => among[whole(random, among.length)]!

function randomText(random: Random, bytesMax: number): string {
  const bytes = Buffer.alloc(whole(random, bytesMax + 1))
  for (let at = 0; at < bytes.length; at++) bytes[at] = whole(random, 256)
  return bytes.toString('base64')
}

const bytesOrNull = (random: Random): string | null =>
  random() < 0.15 ? null : randomText(random, pick(random, [0, 8, 70, 300, 9000]))

const names = ['', 'a', 'a', 'trace-id', 'größe', '☃😀', 'n'.repeat(70)]
const spreadsMs = [1, 50, 10_000, 2 ** 31, 2 ** 40, 2 ** 52]

function randomRecords(random: Random): PlainRecord[] {
  const centreMs = pick(random, [0, -1, 1_700_000_000_000, -5_000_000_000])
  const spreadMs = pick(random, spreadsMs)
  return Array.from({ length: 1 + whole(random, 100) }, (_, offset) => ({
    offset,
    timestampMs: centreMs + Math.round((random() - 0.5) * spreadMs),
    key: bytesOrNull(random),
    value: bytesOrNull(random),
    headers: Array.from(
      { length: random() < 0.5 ? 0 : whole(random, 5) },
      () => [pick(random, names), random() < 0.2 ? null : randomText(random, 90)] as const,
    ),
  }))
}

describe.each(compressions)('with %s', (compression) => {
  test('any records come back as they were, from a builder used again and again', () => {
    const builder = new BatchBuilder(0)
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed)
      const records = randomRecords(random)
      appendAll(builder, records)
      const batch = builder.finish({ ...plain, compression })
      expect(recordsOf(batch), `seed ${seed}`).toEqual(records)
    }
  })
})

const around = (value: number): number[] => [value - 1, value, value + 1]

describe('delta encoding', () => {
  const powers = Array.from({ length: 53 }, (_, power) => 2 ** power)

  test('a timestamp keeps any distance to the first one that a number can hold', () => {
    const timestamps = powers.flatMap(around).flatMap((each) => [each, 0 - each])
    const exact = timestamps.filter(Number.isSafeInteger)
    const builder = new BatchBuilder()
    for (const timestampMs of [0, ...exact]) builder.append(timestampMs, null, null, noHeaders)
    const batch = builder.finish(plain)
    expect(recordsOf(batch).map(({ timestampMs }) => timestampMs)).toEqual([0, ...exact])
    expect(readBatchHeader(batch, 0)?.maxTimestampMs).toEqual(Math.max(...exact))
  })

  test('a batch of nothing but negative timestamps has a negative maximum', () => {
    const builder = new BatchBuilder()
    for (const timestampMs of [-7, -5, -9]) builder.append(timestampMs, null, null, noHeaders)
    const header = readBatchHeader(builder.finish(plain), 0)
    expect([header?.baseTimestampMs, header?.maxTimestampMs]).toEqual([-7, -5])
  })

  test.each([0.5, NaN, Infinity, 2 ** 53])('the timestamp %d is refused', (timestampMs) => {
    const builder = new BatchBuilder()
    builder.append(0, null, null, noHeaders)
    const sizeBytes = builder.sizeBytes
    expect(() => builder.append(timestampMs, null, null, noHeaders)).toThrow(
      expect.objectContaining({ code: 'SERDE_FAILED' }),
    )
    expect([builder.count, builder.sizeBytes]).toEqual([1, sizeBytes])
  })

  test('lengths survive where their varint gets a byte longer', () => {
    const lengths = [0, 63, 64, 8191, 8192, 1_048_575, 1_048_576]
    const builder = new BatchBuilder()
    for (const length of lengths) {
      builder.append(0, Buffer.alloc(length), Buffer.alloc(length), [
        ['n'.repeat(length), Buffer.alloc(length)],
      ])
    }
    const found = recordsOf(builder.finish(plain)).map(({ key, value, headers }) => [
      toBytes(key)?.length,
      toBytes(value)?.length,
      headers[0]?.[0].length,
      toBytes(headers[0]?.[1] ?? null)?.length,
    ])
    expect(found).toEqual(lengths.map((length) => [length, length, length, length]))
  })
})

test('the size so far is the size of the batch, and no record goes beyond its bound', () => {
  const builder = new BatchBuilder()
  for (const { timestampMs, key, value, headers } of randomRecords(seededRandom(7))) {
    const before = builder.sizeBytes
    const record = [toBytes(key), toBytes(value), toHeaders(headers)] as const
    builder.append(timestampMs, ...record)
    expect(builder.sizeBytes - before).toBeLessThanOrEqual(BatchBuilder.recordSizeBound(...record))
  }
  const sizeBytes = builder.sizeBytes
  expect(builder.finish(plain)).toHaveLength(sizeBytes)
})

test('a finished batch is not touched by the next one', () => {
  const builder = new BatchBuilder()
  builder.append(1, Buffer.from('order-1'), Buffer.from('placed'), noHeaders)
  const first = builder.finish(plain)
  const before = Buffer.from(first)
  builder.append(2, Buffer.from('order-2'), Buffer.from('paid'), noHeaders)
  builder.finish(plain)
  expect([builder.count, Buffer.from(first)]).toEqual([0, before])
})

test('keys and values are copied when they are appended', () => {
  const builder = new BatchBuilder()
  const value = Buffer.from('placed')
  builder.append(1, null, value, noHeaders)
  value.fill('x')
  expect(recordsOf(builder.finish(plain))[0]?.value).toEqual(
    Buffer.from('placed').toString('base64'),
  )
})

test('an empty batch is never sent', () => {
  expect(() => new BatchBuilder().finish(plain)).toThrow('a batch that is sent has records')
})

test.each(compressions)('a batch of %s can be sent under another identity', (compression) => {
  const records = randomRecords(seededRandom(11))
  const build = (options: { producerId: number; epoch: number; baseSequence: number }) => {
    const builder = new BatchBuilder()
    appendAll(builder, records)
    const codec: Compression = compression
    return builder.finish({ ...options, transactional: true, compression: codec })
  }
  const second = { producerId: 2 ** 40 + 3, epoch: 12, baseSequence: 77 }
  const batch = build({ producerId: 1, epoch: 2, baseSequence: 3 })
  setProducer(batch, second)
  expect(Buffer.compare(batch, build(second))).toEqual(0)
})
