import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { isStreamsError } from '../../core/errors.ts'
import type { Compression } from '../port.ts'
import { corruptedBatch, oversizedBatch } from './corrupted-batch.ts'
import { lz4Pack, lz4Unpack } from './lz4.ts'
import { snappyPack, snappyUnpack } from './snappy.ts'

/**
 * What the records of one batch may unpack to. A broker takes batches of 1 MB unless told otherwise:
 * this is far beyond what anybody means, and far below what a forged batch can ask for.
 */
export const UNPACKED_BYTES_MAX = 128 * 1024 * 1024

export function compress(compression: Compression, bytes: Uint8Array): Uint8Array {
  switch (compression) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipSync(bytes)
    case 'snappy':
      return snappyPack(asBuffer(bytes))
    case 'lz4':
      return lz4Pack(asBuffer(bytes))
    case 'zstd':
      return zstdCompressSync(bytes)
  }
}

/**
 * Throws `RECORD_BATCH_CORRUPTED` for bytes that are not of this codec and for those that unpack to
 * more than `bytesMax`; the latter before the memory is taken.
 */
export function decompress(
  compression: Compression,
  bytes: Uint8Array,
  bytesMax: number = UNPACKED_BYTES_MAX,
): Uint8Array {
  try {
    return unpack(compression, bytes, bytesMax)
  } catch (error) {
    if (isStreamsError(error)) throw error
    if (isBoundReached(error)) throw oversizedBatch(bytesMax)
    throw corruptedBatch(`records compressed with ${compression} cannot be unpacked`, error)
  }
}

function unpack(compression: Compression, bytes: Uint8Array, bytesMax: number): Uint8Array {
  switch (compression) {
    case 'none':
      return bytes
    case 'gzip':
      return gunzipSync(bytes, { maxOutputLength: bytesMax })
    case 'snappy':
      return snappyUnpack(asBuffer(bytes), bytesMax)
    case 'lz4':
      return lz4Unpack(asBuffer(bytes), bytesMax)
    case 'zstd':
      return zstdDecompressSync(bytes, { maxOutputLength: bytesMax })
  }
}

const isBoundReached = (error: unknown): boolean =>
  error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
