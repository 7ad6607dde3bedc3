import { describe, expect, test } from 'vitest'
import { ProtocolReader } from './protocol-reader.ts'
import { apis, encodeFrame, type ProtocolRequest } from './protocol-request.ts'
import { ProtocolWriter } from './protocol-writer.ts'

const numbers = [0, -1, -2, 1, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1]
const int64s = [...numbers, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]

describe.each([
  { form: 'plain', flexible: false },
  { form: 'compact', flexible: true },
])('primitive types in $form form', ({ flexible }) => {
  const roundTrip = <T>(
    write: (writer: ProtocolWriter) => unknown,
    read: (r: ProtocolReader) => T,
  ) => {
    // One byte of room, so that every write has to make more.
    const writer = new ProtocolWriter(flexible, 1)
    write(writer)
    return read(new ProtocolReader(writer.finish(), flexible))
  }

  test('numbers come back as they were written', () => {
    expect(
      roundTrip(
        (writer) =>
          int64s.reduce((to, value) => to.int64(value), writer.int8(-3).int16(-300).int32(-70_000)),
        (reader) => [
          reader.int8(),
          reader.int16(),
          reader.int32(),
          ...int64s.map(() => reader.int64()),
        ],
      ),
    ).toEqual([-3, -300, -70_000, ...int64s])
  })

  test('an int64 is what Kafka writes', () => {
    const bytes = (value: number) => new ProtocolWriter(flexible).int64(value).finish()
    for (const value of int64s) {
      const expected = Buffer.alloc(8)
      expected.writeBigInt64BE(BigInt(value))
      expect(bytes(value)).toEqual(expected)
    }
  })

  test('texts, bytes and arrays come back, the null ones told from the empty ones', () => {
    const long = 'ü'.repeat(200)
    expect(
      roundTrip(
        (writer) =>
          writer
            .string(null)
            .string('')
            .string(long)
            .bytes(null)
            .bytes(Buffer.from([7]))
            .array(['a', 'b'], (item) => writer.string(item).tags())
            .array<string>(null, () => {})
            .boolean(true)
            .tags(),
        (reader) => {
          const read = [
            reader.nullableString(),
            reader.nullableString(),
            reader.string(),
            reader.nullableBytes(),
            reader.bytes(),
            reader.array(() => {
              const item = reader.string()
              reader.tags()
              return item
            }),
            reader.array(() => reader.string()),
            reader.boolean(),
          ]
          reader.tags()
          return read
        },
      ),
    ).toEqual([null, '', long, null, Buffer.from([7]), ['a', 'b'], [], true])
  })

  test('an array of a length out of thin air is refused before it takes memory', () => {
    const claim = Buffer.from(flexible ? [0xff, 0xff, 0xff, 0xff, 0x07] : [0x7f, 0xff, 0xff, 0xff])
    const reader = new ProtocolReader(claim, flexible)
    expect(() => reader.array(() => 0)).toThrow(RangeError)
  })

  test('a text that ends too early is refused', () => {
    const bytes = new ProtocolWriter(flexible).string('orders').finish().subarray(0, -1)
    expect(() => new ProtocolReader(bytes, flexible).string()).toThrow(RangeError)
  })
})

test('tagged fields that are not known are skipped, known ones are read', () => {
  const structure = Buffer.from([2, 0, 1, 0xaa, 5, 2, 0x01, 0x02, /* after it: */ 0x2a])
  const skipping = new ProtocolReader(structure, true)
  skipping.tags()
  expect(skipping.int8()).toBe(0x2a)

  const reading = new ProtocolReader(structure, true)
  const fields = new Map<number, number>()
  reading.taggedFields((tag, field) => {
    if (tag === 5) fields.set(tag, field.int16())
  })
  expect([fields, reading.int8()]).toEqual([new Map([[5, 0x0102]]), 0x2a])
})

describe('a request frame', () => {
  const request: ProtocolRequest<void> = {
    api: apis.txnOffsetCommit,
    versions: [2, 3],
    encode: (writer) => void writer.string('x').tags(),
    decode: () => {},
  }
  const frame = (version: number) => encodeFrame(request, version, 7, 'me').toString('hex')

  test('has a plain header before the first flexible version', () => {
    const parts = ['0000000f', '001c', '0002', '00000007', '00026d65', '000178']
    expect(frame(2)).toBe(parts.join(''))
  })

  test('has a plain client id and tagged fields from the first flexible version on', () => {
    const parts = ['00000010', '001c', '0003', '00000007', '00026d65', '00', '0278', '00']
    expect(frame(3)).toBe(parts.join(''))
  })
})
