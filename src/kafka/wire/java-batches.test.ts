/**
 * What Kafka's own Java client (kafka-clients 4.1.1, `MemoryRecordsBuilder` and, for compaction,
 * the broker's `MemoryRecords.filterTo`) wrote, and what it reads back from it. `"records": "many"`
 * is 150 of a kilobyte each, which go over several blocks of every codec.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { appendAll, plain, recordsOf, type PlainRecord } from './batch.fixture.ts'
import { BatchBuilder } from './batch-builder.ts'
import { controlKind, readBatchHeader, setBaseOffset, type BatchHeader } from './batch-reader.ts'
import { encodeControlBatch } from './control-batch.ts'

interface JavaBatch {
  readonly name: string
  readonly batch: string
  readonly header: BatchHeader
  readonly records: readonly PlainRecord[] | 'many'
}

const fixture = new URL('./java-batches.fixture.json', import.meta.url)
const javaBatches: readonly JavaBatch[] = JSON.parse(readFileSync(fixture, 'utf8'))

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const manyRecords = Array.from({ length: 150 }, (_, index): PlainRecord => ({
  offset: 7_000_000_000_000 + index,
  timestampMs: 1_700_000_000_000 + index,
  key: base64(`key-${index}`),
  value: base64(`value-${index}-${'x'.repeat(1000)}`),
  headers: [],
}))
const expected = ({ records }: JavaBatch): readonly PlainRecord[] =>
  records === 'many' ? manyRecords : records

const named = (name: string): JavaBatch => {
  const found = javaBatches.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no batch ${name}`)
  return found
}

describe('a batch of the Java client is read as Java reads it', () => {
  test.each(javaBatches)('$name', (java) => {
    const batch = Buffer.from(java.batch, 'base64')
    expect(readBatchHeader(batch, 0)).toEqual(java.header)
    expect(recordsOf(batch)).toEqual(expected(java))
  })
})

describe('a batch is written byte by byte as Java writes it', () => {
  test.each(['mixed records, none', 'transactional', 'no timestamp'])('%s', (name) => {
    const java = named(name)
    const builder = new BatchBuilder()
    appendAll(builder, expected(java))
    const { producerId, epoch, baseSequence, transactional } = java.header
    const options = { producerId, epoch, baseSequence, transactional, compression: 'none' } as const
    expect(Buffer.from(builder.finish(options)).toString('base64')).toEqual(java.batch)
  })

  test.each(['commit', 'abort'] as const)('control %s', (kind) => {
    const java = named(`control ${kind}`)
    const batch = encodeControlBatch({
      producerId: 4000,
      epoch: 3,
      baseOffset: 5_000_000_000,
      timestampMs: 1_700_000_000_000,
      kind,
      coordinatorEpoch: 12,
    })
    expect(Buffer.from(batch).toString('base64')).toEqual(java.batch)
  })
})

test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('%s unpacks to what Java packed', (codec) => {
  const java = named(`many records, ${codec}`)
  const builder = new BatchBuilder()
  appendAll(builder, manyRecords)
  const { producerId, epoch, baseSequence, transactional } = java.header
  const ours = builder.finish({
    ...plain,
    producerId,
    epoch,
    baseSequence,
    transactional,
    compression: codec,
  })
  setBaseOffset(ours, java.header.baseOffset)
  expect(readBatchHeader(ours, 0)).toEqual({ ...java.header, batchBytes: ours.length })
  expect(recordsOf(ours)).toEqual(recordsOf(Buffer.from(java.batch, 'base64')))
})

test('control batches tell how the transaction ended, and nothing once compacted away', () => {
  const kinds = ['control commit', 'control abort', 'control compacted to nothing'].map((name) =>
    controlKind(Buffer.from(named(name).batch, 'base64')),
  )
  expect(kinds).toEqual(['commit', 'abort', undefined])
})
