import type { Header, Headers } from '../../core/record.ts'
import type { BatchBuilder, FinishOptions } from './batch-builder.ts'
import { RecordCursor } from './batch-reader.ts'

/** Bytes as base64, so that whole records can be compared and lie in JSON. */
export interface PlainRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [name: string, value: string | null])[]
}

export const plain: FinishOptions = {
  producerId: -1,
  epoch: -1,
  baseSequence: -1,
  transactional: false,
  compression: 'none',
}

export function recordsOf(batch: Uint8Array, at = 0): PlainRecord[] {
  const records: PlainRecord[] = []
  for (const cursor = new RecordCursor(batch, at); cursor.next();) {
    records.push({
      offset: cursor.offset,
      timestampMs: cursor.timestampMs,
      key: toText(cursor.key),
      value: toText(cursor.value),
      headers: cursor.headers.map(([name, value]) => [name, toText(value)] as const),
    })
  }
  return records
}

export function appendAll(builder: BatchBuilder, records: readonly PlainRecord[]): void {
  for (const { timestampMs, key, value, headers } of records) {
    builder.append(timestampMs, toBytes(key), toBytes(value), toHeaders(headers))
  }
}

const toText = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString('base64')

export const toBytes = (text: string | null): Buffer | null =>
  text === null ? null : Buffer.from(text, 'base64')

export const toHeaders = (headers: PlainRecord['headers']): Headers =>
  headers.map(([name, value]): Header => [name, toBytes(value)])
