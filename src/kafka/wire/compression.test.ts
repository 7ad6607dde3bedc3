import { snappyCompress } from '@platformatic/wasm-utils'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { compress, decompress, UNPACKED_BYTES_MAX } from './compression.ts'

const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const
const MiB = 1024 * 1024

const corrupted = (message: string) =>
  expect.objectContaining({ code: 'RECORD_BATCH_CORRUPTED', message })

/** Words and noise in turn, so that every codec has something to pack and something it cannot. */
function someBytes(length: number): Buffer {
  const random = seededRandom(length)
  const bytes = Buffer.alloc(length, 'placed,paid,shipped;')
  for (let at = 0; at < length; at++) {
    if (Math.floor(at / 1000) % 2 === 1) bytes[at] = Math.floor(random() * 256)
  }
  return bytes
}

describe.each(codecs)('%s', (codec) => {
  test.each([1, 100, 32 * 1024, 32 * 1024 + 1, 300_000, 5 * MiB])('keeps %i bytes', (length) => {
    const bytes = someBytes(length)
    const packed = compress(codec, bytes)
    expect(Buffer.compare(decompress(codec, packed), bytes)).toEqual(0)
  })

  test('unpacks to exactly the bound, and to nothing beyond it', () => {
    const packed = compress(codec, Buffer.alloc(MiB))
    expect(decompress(codec, packed, MiB)).toHaveLength(MiB)
    for (const bytesMax of [MiB - 1, 1000]) {
      expect(() => decompress(codec, packed, bytesMax)).toThrow(
        corrupted(`a compressed record batch unpacks to more than ${bytesMax} bytes`),
      )
    }
  })

  test('refuses a batch that is small and unpacks to more than any meant one', () => {
    const bomb = compress(codec, Buffer.alloc(UNPACKED_BYTES_MAX + 8 * MiB))
    expect(() => decompress(codec, bomb)).toThrow(
      corrupted(`a compressed record batch unpacks to more than ${UNPACKED_BYTES_MAX} bytes`),
    )
  })

  test('refuses bytes that it did not pack, and works on afterwards', () => {
    const bytes = someBytes(5000)
    const packed = compress(codec, bytes)
    for (const broken of [
      Buffer.alloc(0),
      Buffer.from('no codec at all'),
      packed.subarray(0, 900),
    ]) {
      expect(() => decompress(codec, broken)).toThrow(
        expect.objectContaining({ code: 'RECORD_BATCH_CORRUPTED' }),
      )
    }
    expect(Buffer.compare(decompress(codec, packed), bytes)).toEqual(0)
  })
})

test('a bare snappy block, as librdkafka writes it, is read like a framed one', () => {
  const bytes = someBytes(70_000)
  expect(Buffer.compare(decompress('snappy', snappyCompress(bytes)), bytes)).toEqual(0)
})

test('snappy frames that end in the middle of a block are refused', () => {
  const packed = compress('snappy', someBytes(70_000))
  for (const end of [packed.length - 1, 18]) {
    expect(() => decompress('snappy', packed.subarray(0, end))).toThrow(
      corrupted('records compressed with snappy end in the middle of a block'),
    )
  }
})

test('an LZ4 frame that needs a dictionary is refused', () => {
  const packed = Buffer.from(compress('lz4', someBytes(100)))
  packed[4]! |= 1
  expect(() => decompress('lz4', packed)).toThrow(
    corrupted('records compressed with lz4 have an unknown kind of LZ4 frame'),
  )
})
