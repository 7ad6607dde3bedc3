/**
 * The header of a record batch, magic 2 (KIP-98): where each field lies and how it is written.
 * The CRC covers everything from the attributes on; base offset and leader epoch, which a broker
 * fills in, are outside of it.
 */
import type { Compression } from '../port.ts'
import { crc32c } from './crc32c.ts'
import { writeInt16, writeInt32, writeInt64 } from './integers.ts'

export const BASE_OFFSET_AT = 0
export const LENGTH_AT = 8
export const LEADER_EPOCH_AT = 12
export const MAGIC_AT = 16
export const CRC_AT = 17
export const ATTRIBUTES_AT = 21
export const LAST_OFFSET_DELTA_AT = 23
export const BASE_TIMESTAMP_AT = 27
export const MAX_TIMESTAMP_AT = 35
export const PRODUCER_ID_AT = 43
export const EPOCH_AT = 51
export const BASE_SEQUENCE_AT = 53
export const RECORD_COUNT_AT = 57
export const HEADER_BYTES = 61

/** The length field counts the bytes behind itself. */
export const LENGTH_STARTS_AT = 12
export const MAGIC = 2

export const COMPRESSION_MASK = 0x07
export const LOG_APPEND_TIME = 0x08
export const TRANSACTIONAL = 0x10
export const CONTROL = 0x20

/** By the number in the attributes. */
export const compressions: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** Kafka's "unknown": the broker that takes the batch writes its own. */
const NO_LEADER_EPOCH = -1

export interface BatchFields {
  readonly baseOffset: number
  readonly attributes: number
  readonly lastOffsetDelta: number
  readonly baseTimestampMs: number
  readonly maxTimestampMs: number
  readonly producerId: number
  readonly epoch: number
  readonly baseSequence: number
  readonly recordCount: number
}

/** Writes the header in front of records that already stand in their place, then the CRC. */
export function sealBatch(batch: Uint8Array, fields: BatchFields): void {
  writeInt64(batch, BASE_OFFSET_AT, fields.baseOffset)
  writeInt32(batch, LENGTH_AT, batch.length - LENGTH_STARTS_AT)
  writeInt32(batch, LEADER_EPOCH_AT, NO_LEADER_EPOCH)
  batch[MAGIC_AT] = MAGIC
  writeInt16(batch, ATTRIBUTES_AT, fields.attributes)
  writeInt32(batch, LAST_OFFSET_DELTA_AT, fields.lastOffsetDelta)
  writeInt64(batch, BASE_TIMESTAMP_AT, fields.baseTimestampMs)
  writeInt64(batch, MAX_TIMESTAMP_AT, fields.maxTimestampMs)
  writeInt64(batch, PRODUCER_ID_AT, fields.producerId)
  writeInt16(batch, EPOCH_AT, fields.epoch)
  writeInt32(batch, BASE_SEQUENCE_AT, fields.baseSequence)
  writeInt32(batch, RECORD_COUNT_AT, fields.recordCount)
  writeCrc(batch)
}

/** After any change behind the CRC field. */
export const writeCrc = (batch: Uint8Array): void =>
  writeInt32(batch, CRC_AT, crc32c(batch.subarray(ATTRIBUTES_AT)))
