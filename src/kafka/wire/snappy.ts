/**
 * Snappy the way Kafka clients use it: Java wraps blocks in the framing of xerial's snappy-java,
 * librdkafka and others write one bare block. Both are read, Java's is written.
 */
import { snappyCompress, snappyDecompress } from '@platformatic/wasm-utils'
import { corruptedBatch, oversizedBatch } from './corrupted-batch.ts'

/** Magic, version 1, oldest version that can read it 1. */
const FRAMING = Buffer.from('82534e41505059000000000100000001', 'hex')
const MAGIC_BYTES = 8
const LENGTH_BYTES = 4
/** As snappy-java cuts it. */
const BLOCK_BYTES = 32 * 1024

export function snappyPack(bytes: Buffer): Buffer {
  const parts: Buffer[] = [FRAMING]
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = snappyCompress(bytes.subarray(at, at + BLOCK_BYTES))
    const length = Buffer.allocUnsafe(LENGTH_BYTES)
    length.writeInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

export function snappyUnpack(bytes: Buffer, bytesMax: number): Buffer {
  const blocks = isFramed(bytes) ? framedBlocks(bytes) : [bytes]
  let total = 0
  for (const block of blocks) total += unpackedBytes(block)
  if (total > bytesMax) throw oversizedBatch(bytesMax)
  return Buffer.concat(blocks.map((block) => snappyDecompress(block)))
}

const isFramed = (bytes: Buffer): boolean =>
  bytes.length >= FRAMING.length && bytes.compare(FRAMING, 0, MAGIC_BYTES, 0, MAGIC_BYTES) === 0

function framedBlocks(bytes: Buffer): Buffer[] {
  const blocks: Buffer[] = []
  let at = FRAMING.length
  while (at < bytes.length) {
    const start = at + LENGTH_BYTES
    const length = start <= bytes.length ? bytes.readInt32BE(at) : -1
    if (length <= 0 || start + length > bytes.length) {
      throw corruptedBatch('records compressed with snappy end in the middle of a block')
    }
    blocks.push(bytes.subarray(start, start + length))
    at = start + length
  }
  return blocks
}

/** What a block says at its start that it unpacks to; the unpacker holds it to that. */
function unpackedBytes(block: Buffer): number {
  let size = 0
  for (let at = 0, unit = 1; at < 5; at++, unit *= 0x80) {
    const byte = block[at] ?? 0
    size += (byte & 0x7f) * unit
    if (byte < 0x80) break
  }
  return size
}
