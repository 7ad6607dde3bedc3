import type { Offset } from '../../core/record.ts'
import {
  HEADER_BYTES,
  CONTROL,
  LOG_APPEND_TIME,
  sealBatch,
  TRANSACTIONAL,
} from '../wire/batch-format.ts'
import { RecordCursor, type BatchHeader } from '../wire/batch-reader.ts'
import { decompress } from '../wire/compression.ts'
import { storedBatch, type StoredBatch } from './stored-batch.ts'

export interface CompactOptions {
  /** Also what Kafka keeps for `delete.retention.ms`: tombstones and transaction markers. */
  readonly tombstones: 'kept' | 'removed'
}

interface CompactionRules extends CompactOptions {
  readonly isAborted: (producerId: number, offset: Offset) => boolean
  /**
   * A batch that lost all its records stays as a bare header when its producer's sequence needs
   * it.
   */
  readonly isKeptEmpty: (header: BatchHeader) => boolean
}

/** What is left of the batches before `end` when each key keeps its last record only. */
export function compacted(
  batches: readonly StoredBatch[],
  end: Offset,
  rules: CompactionRules,
): StoredBatch[] {
  const latest = latestOffsets(batches, end, rules)
  return batches.flatMap((batch) => {
    if (batch.header.lastOffset >= end) return [batch]
    const kept = recordsOf(batch).filter((record) => isKept(batch.header, record, latest, rules))
    if (kept.length === batch.header.recordCount) return [batch]
    if (kept.length === 0 && !rules.isKeptEmpty(batch.header)) return []
    return [rewritten(batch.header, kept)]
  })
}

interface PlacedRecord {
  readonly offset: Offset
  readonly key: string | null
  readonly isTombstone: boolean
  /** Length and all. */
  readonly bytes: Uint8Array
}

function latestOffsets(
  batches: readonly StoredBatch[],
  end: Offset,
  rules: CompactionRules,
): ReadonlyMap<string, Offset> {
  const latest = new Map<string, Offset>()
  for (const batch of batches) {
    if (batch.header.lastOffset >= end || batch.header.control) continue
    for (const { key, offset } of recordsOf(batch)) {
      if (key !== null && !rules.isAborted(batch.header.producerId, offset)) latest.set(key, offset)
    }
  }
  return latest
}

function isKept(
  header: BatchHeader,
  { key, offset, isTombstone }: PlacedRecord,
  latest: ReadonlyMap<string, Offset>,
  rules: CompactionRules,
): boolean {
  if (header.control) return rules.tombstones === 'kept'
  if (rules.isAborted(header.producerId, offset)) return false
  if (isTombstone && rules.tombstones === 'removed') return false
  return key !== null && latest.get(key) === offset
}

function recordsOf({ bytes, header }: StoredBatch): PlacedRecord[] {
  const unpacked = decompress(header.compression, bytes.subarray(HEADER_BYTES))
  const cursor = new RecordCursor(bytes, 0, header)
  const records: PlacedRecord[] = []
  let at = 0
  while (cursor.next()) {
    const end = endOfRecord(unpacked, at)
    records.push({
      offset: cursor.offset,
      key: cursor.key === null ? null : Buffer.from(cursor.key).toString('latin1'),
      isTombstone: cursor.value === null,
      bytes: unpacked.subarray(at, end),
    })
    at = end
  }
  return records
}

/** A record begins with its length, a zigzag varint. */
function endOfRecord(bytes: Uint8Array, start: number): number {
  let at = start
  let zigzag = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at] ?? 0
    at += 1
    zigzag |= (byte & 0x7f) << shift
    if (byte < 0x80) return at + (zigzag >>> 1)
  }
}

/** The same batch with fewer records: its offsets, its sequence and its producer stay. */
function rewritten(header: BatchHeader, kept: readonly PlacedRecord[]): StoredBatch {
  const bytes = Buffer.concat([Buffer.alloc(HEADER_BYTES), ...kept.map((record) => record.bytes)])
  sealBatch(bytes, {
    ...header,
    attributes:
      (header.transactional ? TRANSACTIONAL : 0) |
      (header.control ? CONTROL : 0) |
      (header.timestampType === 'append' ? LOG_APPEND_TIME : 0),
    lastOffsetDelta: header.lastOffset - header.baseOffset,
    recordCount: kept.length,
  })
  return storedBatch(bytes)
}
