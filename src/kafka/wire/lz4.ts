import { lz4Compress, lz4Decompress } from '@platformatic/wasm-utils'
import { corruptedBatch, oversizedBatch } from './corrupted-batch.ts'

/** An LZ4 frame of independent blocks, which is all that Java clients read. */
export const lz4Pack = (bytes: Buffer): Buffer => lz4Compress(bytes)

/**
 * Unpacks an LZ4 frame. The unpacker itself knows no bound, and its memory never shrinks again; but
 * it holds every block to the frame's block size, so the blocks are counted first.
 */
export function lz4Unpack(bytes: Buffer, bytesMax: number): Buffer {
  // The last block may be nearly empty: only the full ones before it are sure to count.
  if (fullBlocksBytes(bytes) > bytesMax) throw oversizedBatch(bytesMax)
  const unpacked = lz4Decompress(bytes)
  if (unpacked.length > bytesMax) throw oversizedBatch(bytesMax)
  return unpacked
}

const MAGIC = 0x184d2204
const BLOCK_CHECKSUM = 0x10
const CONTENT_SIZE = 0x08
const DICTIONARY = 0x01
const UNCOMPRESSED = 0x8000_0000
const MAGIC_FLAGS_AND_CHECKSUM_BYTES = 7
const CONTENT_SIZE_BYTES = 8
const LENGTH_BYTES = 4
const CHECKSUM_BYTES = 4
/** By the number in the block descriptor, from 4 on. */
const BLOCK_BYTES = [64 * 1024, 256 * 1024, 1024 * 1024, 4 * 1024 * 1024]

/** What the blocks of a frame but its last may unpack to at most. */
function fullBlocksBytes(bytes: Buffer): number {
  if (bytes.length < MAGIC_FLAGS_AND_CHECKSUM_BYTES || bytes.readUInt32LE(0) !== MAGIC) {
    throw corruptedBatch('records compressed with lz4 do not start with an LZ4 frame')
  }
  const flags = bytes[4]!
  const blockBytes = BLOCK_BYTES[((bytes[5]! >> 4) & 7) - 4]
  if (blockBytes === undefined || flags & DICTIONARY) {
    throw corruptedBatch('records compressed with lz4 have an unknown kind of LZ4 frame')
  }
  const trailerBytes = flags & BLOCK_CHECKSUM ? CHECKSUM_BYTES : 0
  let at = MAGIC_FLAGS_AND_CHECKSUM_BYTES + (flags & CONTENT_SIZE ? CONTENT_SIZE_BYTES : 0)
  let blocks = 0
  while (at + LENGTH_BYTES <= bytes.length) {
    const length = bytes.readUInt32LE(at)
    if (length === 0) break
    blocks++
    at += LENGTH_BYTES + (length % UNCOMPRESSED) + trailerBytes
  }
  return Math.max(0, blocks - 1) * blockBytes
}
