import { readBatchHeader, type BatchHeader } from '../wire/batch-reader.ts'
import { refusal } from './refusal.ts'

/** A record batch as it lies in a log. */
export interface StoredBatch {
  readonly bytes: Uint8Array
  readonly header: BatchHeader
}

/** Throws `CORRUPT_MESSAGE` for anything but exactly one whole batch. */
export function storedBatch(bytes: Uint8Array): StoredBatch {
  const header = headerOf(bytes)
  if (header?.batchBytes !== bytes.length) {
    throw refusal('CORRUPT_MESSAGE', 'this is not exactly one record batch')
  }
  return { bytes, header }
}

function headerOf(bytes: Uint8Array): BatchHeader | undefined {
  try {
    return readBatchHeader(bytes, 0)
  } catch (error) {
    throw refusal('CORRUPT_MESSAGE', error instanceof Error ? error.message : 'unreadable')
  }
}
