import { assert, StreamsError } from '../../core/errors.ts'
import type { Headers } from '../../core/record.ts'
import type { Compression, ProducerIdentity } from '../port.ts'
import {
  BASE_SEQUENCE_AT,
  compressions,
  EPOCH_AT,
  HEADER_BYTES,
  PRODUCER_ID_AT,
  sealBatch,
  TRANSACTIONAL,
  writeCrc,
} from './batch-format.ts'
import { compress } from './compression.ts'
import { writeInt16, writeInt32, writeInt64 } from './integers.ts'
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from './varint.ts'

const INITIAL_BYTES = 16 * 1024
/** A buffer that one huge batch blew up is not kept for the small ones that follow. */
const KEPT_BYTES_MAX = 1024 * 1024
/** The length field of a batch is an int32. */
const BATCH_BYTES_MAX = 0x7fff_ffff

const VARINT_BYTES_MAX = 5
const VARLONG_BYTES_MAX = 10
/** Record length, attributes, timestamp, offset, key length, value length, number of headers. */
const RECORD_FRAME_BYTES_MAX = 1 + VARLONG_BYTES_MAX + 5 * VARINT_BYTES_MAX
/** UTF-8 takes at most three bytes a UTF-16 unit. */
const UTF8_BYTES_MAX = 3
const ATTRIBUTES_BYTES = 1

export interface FinishOptions extends ProducerIdentity {
  /** -1 where the producer is not idempotent; so are its id and epoch. */
  readonly baseSequence: number
  readonly transactional: boolean
  readonly compression: Compression
}

/** Encodes records straight into one growing buffer, which becomes a record batch (magic 2). */
export class BatchBuilder {
  #bytes: Buffer
  #end = HEADER_BYTES
  #count = 0
  #baseTimestampMs = 0
  #maxTimestampMs = 0
  readonly #initialBytes: number

  constructor(initialBytes: number = INITIAL_BYTES) {
    this.#initialBytes = Math.max(initialBytes, HEADER_BYTES)
    this.#bytes = Buffer.allocUnsafeSlow(this.#initialBytes)
  }

  get count(): number {
    return this.#count
  }

  /** Of the batch so far, header included, uncompressed. */
  get sizeBytes(): number {
    return this.#end
  }

  /** An upper bound of what `append` would add. */
  static recordSizeBound(
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: Headers,
  ): number {
    let bound = RECORD_FRAME_BYTES_MAX
    if (key !== null) bound += key.length
    if (value !== null) bound += value.length
    return headers.length === 0 ? bound : bound + headersBound(headers)
  }

  /**
   * Appends a record; key, value and headers are copied. Throws `SERDE_FAILED`, and changes
   * nothing, when the timestamp is not a whole number that an int64 delta of 53 bits can carry.
   */
  append(
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: Headers,
  ): void {
    this.#reserve(BatchBuilder.recordSizeBound(key, value, headers))
    const valueLength = value === null ? -1 : value.length
    const at = this.#writeHead(timestampMs, key, valueLength, headersSize(headers))
    if (value !== null) this.#bytes.set(value, at)
    this.#close(timestampMs, value === null ? at : at + valueLength, headers)
  }

  /**
   * The finished batch as its own bytes; the builder is empty afterwards. The base offset is 0: the
   * broker writes the real one.
   */
  finish(options: FinishOptions): Uint8Array {
    assert(this.#count > 0, 'a batch that is sent has records')
    const batch = this.#sealable(options.compression)
    sealBatch(batch, {
      baseOffset: 0,
      attributes:
        compressions.indexOf(options.compression) | (options.transactional ? TRANSACTIONAL : 0),
      lastOffsetDelta: this.#count - 1,
      baseTimestampMs: this.#baseTimestampMs,
      maxTimestampMs: this.#maxTimestampMs,
      producerId: options.producerId,
      epoch: options.epoch,
      baseSequence: options.baseSequence,
      recordCount: this.#count,
    })
    this.#end = HEADER_BYTES
    this.#count = 0
    if (this.#bytes.length > KEPT_BYTES_MAX) {
      this.#bytes = Buffer.allocUnsafeSlow(this.#initialBytes)
    }
    return batch
  }

  /** The records, compressed if asked for, behind room for the header. */
  #sealable(compression: Compression): Buffer {
    if (compression === 'none') {
      const batch = Buffer.allocUnsafe(this.#end)
      this.#bytes.copy(batch, HEADER_BYTES, HEADER_BYTES, this.#end)
      return batch
    }
    const records = compress(compression, this.#bytes.subarray(HEADER_BYTES, this.#end))
    const batch = Buffer.allocUnsafe(HEADER_BYTES + records.length)
    batch.set(records, HEADER_BYTES)
    return batch
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes
    if (needed > this.#bytes.length) this.#grow(needed)
  }

  #grow(needed: number): void {
    assert(needed <= BATCH_BYTES_MAX, 'a batch fits an int32 length')
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(grown, 0, 0, this.#end)
    this.#bytes = grown
  }

  /** Everything in front of the value; returns where the value starts. */
  #writeHead(
    timestampMs: number,
    key: Uint8Array | null,
    valueLength: number,
    headersBytes: number,
  ): number {
    const delta = this.#count === 0 ? 0 : timestampMs - this.#baseTimestampMs
    if (!Number.isSafeInteger(timestampMs) || !Number.isSafeInteger(delta)) {
      throw badTimestamp(timestampMs)
    }
    const keyLength = key === null ? -1 : key.length
    const length =
      ATTRIBUTES_BYTES +
      sizeOfVarlong(delta) +
      sizeOfVarint(this.#count) +
      sizeOfVarint(keyLength) +
      (key === null ? 0 : keyLength) +
      sizeOfVarint(valueLength) +
      (valueLength < 0 ? 0 : valueLength) +
      headersBytes
    const bytes = this.#bytes
    let at = writeVarint(bytes, this.#end, length)
    bytes[at++] = 0
    at = writeVarlong(bytes, at, delta)
    at = writeVarint(bytes, at, this.#count)
    at = writeVarint(bytes, at, keyLength)
    if (key !== null) {
      bytes.set(key, at)
      at += keyLength
    }
    return writeVarint(bytes, at, valueLength)
  }

  /** Writes the headers; only now the record counts, so that a throw on the way changes nothing. */
  #close(timestampMs: number, at: number, headers: Headers): void {
    if (headers.length === 0) {
      this.#bytes[at] = 0
      this.#end = at + 1
    } else {
      this.#end = writeHeaders(this.#bytes, at, headers)
    }
    if (this.#count === 0) {
      this.#baseTimestampMs = timestampMs
      this.#maxTimestampMs = timestampMs
    } else if (timestampMs > this.#maxTimestampMs) {
      this.#maxTimestampMs = timestampMs
    }
    this.#count++
  }
}

/**
 * Gives an encoded batch another producer identity and base sequence, in place: for a retry after
 * the producer was initialised again. Costs one pass of the CRC.
 */
export function setProducer(
  batch: Uint8Array,
  producer: ProducerIdentity & { readonly baseSequence: number },
): void {
  writeInt64(batch, PRODUCER_ID_AT, producer.producerId)
  writeInt16(batch, EPOCH_AT, producer.epoch)
  writeInt32(batch, BASE_SEQUENCE_AT, producer.baseSequence)
  writeCrc(batch)
}

function headersBound(headers: Headers): number {
  let bound = 0
  for (const [name, value] of headers) {
    bound += 2 * VARINT_BYTES_MAX + UTF8_BYTES_MAX * name.length
    if (value !== null) bound += value.length
  }
  return bound
}

/** The number of headers and the headers themselves. */
function headersSize(headers: Headers): number {
  if (headers.length === 0) return 1
  let size = sizeOfVarint(headers.length)
  for (const [name, value] of headers) {
    const nameLength = utf8Length(name)
    size += sizeOfVarint(nameLength) + nameLength
    size += value === null ? 1 : sizeOfVarint(value.length) + value.length
  }
  return size
}

function writeHeaders(bytes: Buffer, start: number, headers: Headers): number {
  let at = writeVarint(bytes, start, headers.length)
  for (const [name, value] of headers) {
    at = writeName(bytes, at, name)
    at = writeVarint(bytes, at, value === null ? -1 : value.length)
    if (value !== null) {
      bytes.set(value, at)
      at += value.length
    }
  }
  return at
}

/** Header names are short and plain: a loop beats the call into the runtime. */
function utf8Length(text: string): number {
  for (let each = 0; each < text.length; each++) {
    if (text.charCodeAt(each) > 0x7f) return Buffer.byteLength(text)
  }
  return text.length
}

function writeName(bytes: Buffer, start: number, name: string): number {
  const length = utf8Length(name)
  const at = writeVarint(bytes, start, length)
  if (length !== name.length) return at + bytes.write(name, at)
  for (let each = 0; each < length; each++) bytes[at + each] = name.charCodeAt(each)
  return at + length
}

const badTimestamp = (timestampMs: number): StreamsError =>
  new StreamsError('SERDE_FAILED', {
    message: `the timestamp ${timestampMs} cannot be written to a batch`,
    hint: 'Give records whole milliseconds; check the timestamp extractor.',
  })
