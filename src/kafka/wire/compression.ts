import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { isStreamsError } from '../../core/errors.ts'
import type { Compression } from '../port.ts'
import { corruptedBatch, oversizedBatch } from './corrupted-batch.ts'
import { lz4Pack, lz4Unpack } from './lz4.ts'
import { snappyPack, snappyUnpack } from './snappy.ts'

/**
 * What the records of one batch may unpack to. A broker takes batches of 1 MB unless told
 * otherwise: this is far beyond what anybody means, and far below what a forged batch can ask for.
 */
export const UNPACKED_BYTES_MAX = 128 * 1024 * 1024

interface Codec {
  readonly pack: (bytes: Uint8Array) => Uint8Array
  /** Throws when the bytes are not of this codec or unpack to more than `bytesMax`. */
  readonly unpack: (bytes: Uint8Array, bytesMax: number) => Uint8Array
}

const codecs: Readonly<Record<Compression, Codec>> = {
  none: { pack: (bytes) => bytes, unpack: (bytes) => bytes },
  gzip: {
    pack: (bytes) => gzipSync(bytes),
    unpack: (bytes, maxOutputLength) => gunzipSync(bytes, { maxOutputLength }),
  },
  snappy: {
    pack: (bytes) => snappyPack(asBuffer(bytes)),
    unpack: (bytes, bytesMax) => snappyUnpack(asBuffer(bytes), bytesMax),
  },
  lz4: {
    pack: (bytes) => lz4Pack(asBuffer(bytes)),
    unpack: (bytes, bytesMax) => lz4Unpack(asBuffer(bytes), bytesMax),
  },
  zstd: {
    pack: (bytes) => zstdCompressSync(bytes),
    unpack: (bytes, maxOutputLength) => zstdDecompressSync(bytes, { maxOutputLength }),
  },
}

export const compress = (compression: Compression, bytes: Uint8Array): Uint8Array =>
  codecs[compression].pack(bytes)

/**
 * lz4 and snappy meet broken input with a trap, which leaks a piece of the wasm stack: after some
 * 2,000 in one thread (measured) they refuse valid input as well. So do not try a broken batch
 * again and again in the same thread.
 *
 * Throws `RECORD_BATCH_CORRUPTED` for bytes that are not of this codec and for those that unpack to
 * more than `bytesMax`; the latter before the memory is taken.
 */
export function decompress(
  compression: Compression,
  bytes: Uint8Array,
  bytesMax: number = UNPACKED_BYTES_MAX,
): Uint8Array {
  try {
    return codecs[compression].unpack(bytes, bytesMax)
  } catch (error) {
    if (isStreamsError(error)) throw error
    if (isBoundReached(error)) throw oversizedBatch(bytesMax)
    throw corruptedBatch(`records compressed with ${compression} cannot be unpacked`, error)
  }
}

const isBoundReached = (error: unknown): boolean =>
  error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
