import { zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { isStreamsError, messageOf } from '../../core/errors.ts'
import { seededRandom } from '../../core/random.ts'
import { noHeaders, type Headers } from '../../core/record.ts'
import { plain, recordsOf } from './batch.fixture.ts'
import { BatchBuilder, setProducer } from './batch-builder.ts'
import { CONTROL, HEADER_BYTES, LENGTH_AT, MAGIC_AT, sealBatch, writeCrc } from './batch-format.ts'
import {
  controlKind,
  readBatchHeader,
  RecordCursor,
  setBaseOffset,
  setLogAppendTime,
} from './batch-reader.ts'
import { UNPACKED_BYTES_MAX } from './compression.ts'
import { encodeControlBatch } from './control-batch.ts'

const corrupted = expect.objectContaining({ code: 'RECORD_BATCH_CORRUPTED' })

function ordersBatch(count = 3, headers: Headers = noHeaders): Buffer {
  const builder = new BatchBuilder()
  for (let each = 0; each < count; each++) {
    builder.append(1000 + each, Buffer.from(`order-${each}`), Buffer.from('placed'), headers)
  }
  return Buffer.from(builder.finish(plain))
}

/** The batch with each bit of these bytes flipped in turn. */
function flips(from: number, to: number): Buffer[] {
  const whole = ordersBatch()
  const flipped: Buffer[] = []
  for (let bit = from * 8; bit < to * 8; bit++) {
    const copy = Buffer.from(whole)
    copy[bit >> 3]! ^= 1 << (bit & 7)
    flipped.push(copy)
  }
  return flipped
}

function outcome(bytes: Uint8Array): string {
  try {
    return readBatchHeader(bytes, 0) === undefined ? 'cut off' : 'whole'
  } catch (error) {
    return isStreamsError(error) ? error.code : messageOf(error)
  }
}

describe('a batch that is damaged', () => {
  test('is refused whichever bit from the magic on was flipped', () => {
    const outcomes = flips(MAGIC_AT, ordersBatch().length).map(outcome)
    expect(new Set(outcomes)).toEqual(new Set(['RECORD_BATCH_CORRUPTED']))
  })

  test('is refused, or looks cut off, when a bit of its length was flipped', () => {
    const followed = flips(LENGTH_AT, LENGTH_AT + 4).map((batch) =>
      Buffer.concat([batch, Buffer.alloc(4096)]),
    )
    const expected = followed.map((batch) => {
      const length = batch.readInt32BE(LENGTH_AT)
      return length > batch.length - LENGTH_AT - 4 ? 'cut off' : 'RECORD_BATCH_CORRUPTED'
    })
    expect(followed.map(outcome)).toEqual(expected)
    expect(new Set(expected)).toEqual(new Set(['cut off', 'RECORD_BATCH_CORRUPTED']))
  })

  test('tells its offset and that the CRC is wrong', () => {
    const batch = ordersBatch()
    setBaseOffset(batch, 4711)
    batch[HEADER_BYTES]! ^= 1
    expect(() => new RecordCursor(batch)).toThrow(
      'the record batch at offset 4711 does not match its CRC',
    )
  })

  test('of an older format is refused, even cut off', () => {
    const batch = ordersBatch()
    batch[MAGIC_AT] = 1
    expect(() => readBatchHeader(batch.subarray(0, 30), 0)).toThrow(
      'a record batch has the format 1, not 2',
    )
  })
})

describe('the last batch of a fetch', () => {
  test('is not there when it is cut off, wherever the cut is', () => {
    const [first, second] = [ordersBatch(2), ordersBatch(5)]
    const both = Buffer.concat([first, second])
    for (let end = first.length; end < both.length; end++) {
      expect(readBatchHeader(both.subarray(0, end), first.length)).toBeUndefined()
    }
    expect(readBatchHeader(both, first.length)?.recordCount).toEqual(5)
    expect(readBatchHeader(both, both.length)).toBeUndefined()
  })

  test('cannot be walked over when it is cut off', () => {
    expect(() => new RecordCursor(ordersBatch().subarray(0, -1))).toThrow(corrupted)
  })
})

/**
 * Reads every record; says so if a view leaves the batch or anything but the one error is thrown.
 */
function walk(batch: Buffer): string {
  const from = batch.byteOffset + HEADER_BYTES
  const to = batch.byteOffset + batch.length
  try {
    for (const cursor = new RecordCursor(batch); cursor.next();) {
      for (const view of [cursor.key, cursor.value, ...cursor.headers.map(([, value]) => value)]) {
        if (view === null) continue
        if (view.byteOffset < from || view.byteOffset + view.length > to) return 'a view is outside'
      }
    }
    return 'read'
  } catch (error) {
    return isStreamsError(error) ? error.code : messageOf(error)
  }
}

describe('records that do not add up though the CRC is right', () => {
  test('are refused, and no view leaves the batch', () => {
    const headers: Headers = [
      ['trace', Buffer.from('abc')],
      ['none', null],
    ]
    const whole = ordersBatch(4, headers)
    const random = seededRandom(42)
    const outcomes = new Set<string>()
    for (let round = 0; round < 20_000; round++) {
      const batch = Buffer.from(whole)
      for (let change = 0; change < 2; change++) {
        const at = HEADER_BYTES + Math.floor(random() * (batch.length - HEADER_BYTES))
        batch[at] = random() < 0.5 ? 0xff : Math.floor(random() * 256)
      }
      writeCrc(batch)
      outcomes.add(walk(batch))
    }
    expect(outcomes).toEqual(new Set(['read', 'RECORD_BATCH_CORRUPTED']))
  })

  test.each([
    ['fewer', 2],
    ['more', 4],
  ])('are refused when the header counts %s of them', (_, recordCount) => {
    const batch = ordersBatch(3)
    batch.writeInt32BE(recordCount, HEADER_BYTES - 4)
    writeCrc(batch)
    expect(() => recordsOf(batch)).toThrow(corrupted)
  })

  test('are refused when they unpack to more than any batch is meant to', () => {
    const bomb = zstdCompressSync(Buffer.alloc(UNPACKED_BYTES_MAX + 1))
    const batch = Buffer.concat([Buffer.alloc(HEADER_BYTES), bomb])
    sealBatch(batch, { ...emptyFields, attributes: 4, recordCount: 1 })
    expect(() => new RecordCursor(batch)).toThrow(
      `a compressed record batch unpacks to more than ${UNPACKED_BYTES_MAX} bytes`,
    )
  })
})

const emptyFields = {
  baseOffset: 20,
  attributes: 0,
  lastOffsetDelta: 9,
  baseTimestampMs: -1,
  maxTimestampMs: 1000,
  producerId: 5,
  epoch: 1,
  baseSequence: 30,
  recordCount: 0,
}

test('a batch that compaction emptied still says where it ends', () => {
  const batch = Buffer.alloc(HEADER_BYTES)
  sealBatch(batch, emptyFields)
  expect(readBatchHeader(batch, 0)).toEqual({
    baseOffset: 20,
    lastOffset: 29,
    batchBytes: HEADER_BYTES,
    baseTimestampMs: -1,
    maxTimestampMs: 1000,
    producerId: 5,
    epoch: 1,
    baseSequence: 30,
    recordCount: 0,
    transactional: false,
    control: false,
    timestampType: 'create',
    compression: 'none',
  })
  expect(recordsOf(batch)).toEqual([])
})

test('an impossible header is refused though the CRC is right', () => {
  const batch = Buffer.alloc(HEADER_BYTES)
  const impossible = [{ attributes: 5 }, { recordCount: -1 }, { lastOffsetDelta: -1 }]
  for (const fields of impossible) {
    sealBatch(batch, { ...emptyFields, ...fields })
    expect(() => readBatchHeader(batch, 0)).toThrow(corrupted)
  }
})

test('a control record of a later kind is passed over, one without a kind is refused', () => {
  const marker = { producerId: 1, epoch: 0, baseOffset: 0, timestampMs: 0, coordinatorEpoch: 0 }
  const later = Buffer.from(encodeControlBatch({ ...marker, kind: 'abort' }))
  // Five fields of a byte each, then the key: its version and the high byte of the type.
  const typeAt = HEADER_BYTES + 5 + 3
  later[typeAt] = 6
  writeCrc(later)
  expect(controlKind(later)).toBeUndefined()

  const builder = new BatchBuilder()
  builder.append(0, null, null, noHeaders)
  const without = builder.finish(plain)
  without[22]! |= CONTROL
  setProducer(without, { producerId: 1, epoch: 0, baseSequence: -1 })
  expect(() => controlKind(without)).toThrow(corrupted)
})

test('a base offset is overwritten without touching the CRC', () => {
  const batch = ordersBatch(2)
  setBaseOffset(batch, 9_007_199_254_740_000)
  expect(recordsOf(batch).map(({ offset }) => offset)).toEqual([
    9_007_199_254_740_000, 9_007_199_254_740_001,
  ])
})

test('log append time replaces the timestamp of every record', () => {
  const batch = ordersBatch(3)
  setLogAppendTime(batch, 5000)
  expect(readBatchHeader(batch, 0)).toMatchObject({
    timestampType: 'append',
    baseTimestampMs: 1000,
    maxTimestampMs: 5000,
  })
  expect(recordsOf(batch).map(({ timestampMs }) => timestampMs)).toEqual([5000, 5000, 5000])
})

test('batches are read one after the other wherever they lie in a larger buffer', () => {
  const memory = Buffer.concat([Buffer.from('????'), ordersBatch(2), ordersBatch(1)])
  const fetched = new Uint8Array(memory.buffer, memory.byteOffset + 4, memory.length - 4)
  const keys: string[] = []
  let at = 0
  for (let header = readBatchHeader(fetched, at); header; header = readBatchHeader(fetched, at)) {
    const cursor = new RecordCursor(fetched, at, header)
    while (cursor.next()) keys.push(String(cursor.key))
    at += header.batchBytes
  }
  expect([keys, at]).toEqual([['order-0', 'order-1', 'order-0'], fetched.length])
})

test('a record without headers shares one empty list, and headers are decoded once', () => {
  const cursor = new RecordCursor(ordersBatch(1))
  cursor.next()
  expect(cursor.headers).toBe(noHeaders)
  const withHeaders = new RecordCursor(ordersBatch(1, [['a', null]]))
  withHeaders.next()
  expect(withHeaders.headers).toBe(withHeaders.headers)
  expect(withHeaders.headers).toEqual([['a', null]])
})
