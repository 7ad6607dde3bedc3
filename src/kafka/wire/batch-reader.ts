import { noHeaders, type Headers, type Offset } from '../../core/record.ts'
import type { Compression } from '../port.ts'
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  COMPRESSION_MASK,
  compressions,
  CONTROL,
  CRC_AT,
  EPOCH_AT,
  HEADER_BYTES,
  LAST_OFFSET_DELTA_AT,
  LENGTH_AT,
  LENGTH_STARTS_AT,
  LOG_APPEND_TIME,
  MAGIC,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  TRANSACTIONAL,
  writeCrc,
} from './batch-format.ts'
import { decompress } from './compression.ts'
import { corruptedBatch } from './corrupted-batch.ts'
import { crc32c } from './crc32c.ts'
import { readInt16, readInt32, readInt64, writeInt16, writeInt64 } from './integers.ts'

export interface BatchHeader {
  readonly baseOffset: Offset
  /** The last one the batch ever had: compaction may have taken its record, or all of them. */
  readonly lastOffset: Offset
  /** From the first byte of this header to the first byte of the next batch. */
  readonly batchBytes: number
  readonly baseTimestampMs: number
  readonly maxTimestampMs: number
  /** -1 where the producer was not idempotent; so are its epoch and base sequence. */
  readonly producerId: number
  readonly epoch: number
  readonly baseSequence: number
  /** 0 for a batch that compaction emptied and kept for its producer's sequence. */
  readonly recordCount: number
  readonly transactional: boolean
  readonly control: boolean
  /** `append`: every record has the time at which the broker took the batch, `maxTimestampMs`. */
  readonly timestampType: 'create' | 'append'
  readonly compression: Compression
}

/**
 * Reads and checks the header of the batch at `at`; undefined when fewer bytes than the whole batch
 * are left, for a fetch may cut the last one off. Throws `RECORD_BATCH_CORRUPTED` for a wrong
 * magic, length or CRC.
 */
export function readBatchHeader(bytes: Uint8Array, at: number): BatchHeader | undefined {
  const left = bytes.length - at
  if (left <= MAGIC_AT) return undefined
  const magic = bytes[at + MAGIC_AT]!
  if (magic !== MAGIC) throw corruptedBatch(`a record batch has the format ${magic}, not ${MAGIC}`)
  const batchBytes = LENGTH_STARTS_AT + readInt32(bytes, at + LENGTH_AT)
  if (batchBytes < HEADER_BYTES) throw corruptedBatch(`a record batch is ${batchBytes} bytes long`)
  if (left < batchBytes) return undefined
  checkCrc(bytes, at, batchBytes)

  const attributes = readInt16(bytes, at + ATTRIBUTES_AT)
  const baseOffset = readInt64(bytes, at + BASE_OFFSET_AT)
  const lastOffsetDelta = readInt32(bytes, at + LAST_OFFSET_DELTA_AT)
  const recordCount = readInt32(bytes, at + RECORD_COUNT_AT)
  const compression = compressions[attributes & COMPRESSION_MASK]
  if (compression === undefined || lastOffsetDelta < 0 || recordCount < 0) {
    throw corruptedBatch(`the record batch at offset ${baseOffset} has an impossible header`)
  }
  return {
    baseOffset,
    lastOffset: baseOffset + lastOffsetDelta,
    batchBytes,
    baseTimestampMs: readInt64(bytes, at + BASE_TIMESTAMP_AT),
    maxTimestampMs: readInt64(bytes, at + MAX_TIMESTAMP_AT),
    producerId: readInt64(bytes, at + PRODUCER_ID_AT),
    epoch: readInt16(bytes, at + EPOCH_AT),
    baseSequence: readInt32(bytes, at + BASE_SEQUENCE_AT),
    recordCount,
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & CONTROL) !== 0,
    timestampType: attributes & LOG_APPEND_TIME ? 'append' : 'create',
    compression,
  }
}

/** Throws `RECORD_BATCH_CORRUPTED` when the batch is not what its producer or broker summed up. */
export function checkCrc(bytes: Uint8Array, at: number, batchBytes: number): void {
  const found = crc32c(bytes.subarray(at + ATTRIBUTES_AT, at + batchBytes))
  if (found !== readInt32(bytes, at + CRC_AT)) {
    const offset = readInt64(bytes, at + BASE_OFFSET_AT)
    throw corruptedBatch(`the record batch at offset ${offset} does not match its CRC`)
  }
}

const CONTROL_KEY_BYTES = 4
const CONTROL_TYPE_AT = 2
const controlKinds = ['abort', 'commit'] as const

/**
 * What a control batch says of its producer's transaction. Undefined where it says nothing: the
 * marker was compacted away, or it is of a later kind, which clients are meant to pass over.
 */
export function controlKind(batch: Uint8Array, at = 0): 'commit' | 'abort' | undefined {
  const records = new RecordCursor(batch, at)
  if (!records.next()) return undefined
  const key = records.key
  if (key === null || key.length < CONTROL_KEY_BYTES) {
    throw corruptedBatch(`the control record at offset ${records.offset} has no type`)
  }
  return controlKinds[readInt16(key, CONTROL_TYPE_AT)]
}

/** Overwrites the base offset in place, as a broker does when it appends: no CRC covers it. */
export function setBaseOffset(batch: Uint8Array, offset: Offset): void {
  writeInt64(batch, BASE_OFFSET_AT, offset)
}

/** What a broker does in a topic with `message.timestamp.type=LogAppendTime`. */
export function setLogAppendTime(batch: Uint8Array, timestampMs: number): void {
  writeInt16(batch, ATTRIBUTES_AT, readInt16(batch, ATTRIBUTES_AT) | LOG_APPEND_TIME)
  writeInt64(batch, MAX_TIMESTAMP_AT, timestampMs)
  writeCrc(batch)
}

/** Buffer's own class. Its public constructor warns, and `Buffer.from` takes twice the time. */
const View: new (memory: ArrayBufferLike, at: number, length: number) => Buffer = Reflect.get(
  Buffer,
  Symbol.species,
)

/**
 * Walks over the records of one batch, unpacked first if need be. After `next` returned true the
 * fields hold the current record; key, value and header values are views into the batch's bytes (or
 * the unpacked ones) and stay valid for as long as those are not written again.
 */
export class RecordCursor {
  offset: Offset = -1
  timestampMs = -1
  key: Uint8Array | null = null
  value: Uint8Array | null = null

  readonly #baseOffset: Offset
  readonly #baseTimestampMs: number
  /** The time of every record, or NaN where each has its own. */
  readonly #appendTimeMs: number
  readonly #bytes: Buffer
  readonly #memory: ArrayBufferLike
  readonly #memoryAt: number
  readonly #end: number
  #at: number
  #left: number
  /** Where the current record's headers and the record itself end. */
  #headersAt = 0
  #recordEnd = 0
  #headers: Headers | undefined = noHeaders

  /** A header that was read already saves checking the batch twice. */
  constructor(bytes: Uint8Array, at = 0, header: BatchHeader = wholeBatch(bytes, at)) {
    this.#baseOffset = header.baseOffset
    this.#baseTimestampMs = header.baseTimestampMs
    this.#appendTimeMs = header.timestampType === 'append' ? header.maxTimestampMs : NaN
    this.#left = header.recordCount
    const records = bytes.subarray(at + HEADER_BYTES, at + header.batchBytes)
    const unpacked = decompress(header.compression, records)
    this.#bytes = Buffer.from(unpacked.buffer, unpacked.byteOffset, unpacked.length)
    this.#memory = unpacked.buffer
    this.#memoryAt = unpacked.byteOffset
    this.#at = 0
    this.#end = unpacked.length
  }

  /** In the order they were given; decoded when first asked for. */
  get headers(): Headers {
    return (this.#headers ??= this.#readHeaders())
  }

  /** False behind the last record. Throws `RECORD_BATCH_CORRUPTED` where lengths do not add up. */
  next(): boolean {
    if (this.#left === 0) {
      if (this.#at !== this.#end) throw this.#broken()
      return false
    }
    this.#left--
    const length = this.#readVarint()
    const end = this.#at + length
    if (length < 0 || end > this.#end) throw this.#broken()
    this.#recordEnd = end
    this.#at++ // The attributes of a record have no meaning yet.
    const timestampDelta = this.#readVarlong()
    const append = this.#appendTimeMs
    this.timestampMs = Number.isNaN(append) ? this.#baseTimestampMs + timestampDelta : append
    this.offset = this.#baseOffset + this.#readVarint()
    this.key = this.#readView()
    this.value = this.#readView()
    const headersAt = this.#at
    if (headersAt + 1 === end && this.#bytes[headersAt] === 0) {
      this.#headers = noHeaders
    } else {
      if (headersAt >= end) throw this.#broken()
      this.#headers = undefined
      this.#headersAt = headersAt
    }
    this.#at = end
    return true
  }

  #readHeaders(): Headers {
    const next = this.#at
    this.#at = this.#headersAt
    const count = this.#readVarint()
    if (count < 0) throw this.#broken()
    const headers: [string, Uint8Array | null][] = []
    for (let each = 0; each < count; each++) {
      const name = this.#readName()
      headers.push([name, this.#readView()])
    }
    if (this.#at !== next) throw this.#broken()
    return headers
  }

  #readName(): string {
    const length = this.#readVarint()
    const start = this.#at
    const end = start + length
    if (length < 0 || end > this.#recordEnd) throw this.#broken()
    this.#at = end
    return this.#bytes.toString('utf8', start, end)
  }

  /** Bytes behind their length, which must end inside the record; null for a length of -1. */
  #readView(): Buffer | null {
    const length = this.#readVarint()
    if (length < 0) return null
    const start = this.#at
    const end = start + length
    if (end > this.#recordEnd) throw this.#broken()
    this.#at = end
    return new View(this.#memory, this.#memoryAt + start, length)
  }

  #readVarint(): number {
    const bytes = this.#bytes
    let at = this.#at
    let byte = bytes[at++]!
    let zigzag = byte & 0x7f
    for (let shift = 7; byte > 0x7f; shift += 7) {
      if (shift > 28) throw this.#broken()
      byte = bytes[at++]!
      zigzag |= (byte & 0x7f) << shift
    }
    this.#at = at
    return (zigzag >>> 1) ^ -(zigzag & 1)
  }

  #readVarlong(): number {
    const bytes = this.#bytes
    const first = bytes[this.#at]!
    const second = bytes[this.#at + 1]!
    if (first <= 0x7f || second <= 0x7f) return this.#readVarint()
    // Beyond two bytes in floating point: a delta may have more than 32 bits.
    return this.#readLongVarlong()
  }

  #readLongVarlong(): number {
    const bytes = this.#bytes
    let at = this.#at
    let byte = bytes[at++]!
    const negative = byte & 1
    let magnitude = (byte & 0x7f) >> 1
    for (let unit = 64; byte > 0x7f; unit *= 0x80) {
      if (unit > LONG_UNIT_MAX) throw this.#broken()
      byte = bytes[at++]!
      magnitude += (byte & 0x7f) * unit
    }
    this.#at = at
    return negative ? -magnitude - 1 : magnitude
  }

  #broken(): Error {
    return corruptedBatch(`the records of the batch at offset ${this.#baseOffset} are cut wrongly`)
  }
}
/** Weight of the tenth and last byte of a varlong: 2^62 in units of the magnitude. */
const LONG_UNIT_MAX = 2 ** 62

function wholeBatch(bytes: Uint8Array, at: number): BatchHeader {
  const header = readBatchHeader(bytes, at)
  if (header === undefined) throw corruptedBatch('a record batch ends in the middle')
  return header
}
