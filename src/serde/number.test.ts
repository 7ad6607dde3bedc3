import { describe, expect, test } from 'vitest'
import { double, int32, long } from './number.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('int32, as Kafka writes an Integer', () => {
  test.each([
    [0, '00000000'],
    [1, '00000001'],
    [-1, 'ffffffff'],
    [2 ** 31 - 1, '7fffffff'],
    [-(2 ** 31), '80000000'],
  ])('%i', (value, bytes) => {
    expect(hex(int32.serialize(value))).toBe(bytes)
    expect(int32.deserialize(Buffer.from(bytes, 'hex'))).toBe(value)
  })

  test.each([0.5, 2 ** 31, -(2 ** 31) - 1, NaN, Infinity, '1', 1n, undefined])(
    '%s is refused',
    (value) => {
      expect(() => int32.serialize(value as number)).toThrow(RangeError)
    },
  )

  test.each([0, 3, 5, 8])('%i bytes are refused', (count) => {
    expect(() => int32.deserialize(new Uint8Array(count))).toThrow(RangeError)
  })
})

describe('long, as Kafka writes a Long', () => {
  test.each([
    [0, '0000000000000000'],
    [1, '0000000000000001'],
    [-1, 'ffffffffffffffff'],
    [2 ** 32, '0000000100000000'],
    [-(2 ** 32), 'ffffffff00000000'],
    [-(2 ** 32) - 1, 'fffffffeffffffff'],
    [1_700_000_000_123, '0000018bcfe5687b'],
    [2 ** 53 - 1, '001fffffffffffff'],
    [-(2 ** 53) + 1, 'ffe0000000000001'],
  ])('%i', (value, bytes) => {
    expect(hex(long.serialize(value))).toBe(bytes)
    expect(long.deserialize(Buffer.from(bytes, 'hex'))).toBe(value)
  })

  test.each([0.5, 2 ** 53, -(2 ** 53), NaN, Infinity, '1', 1n, undefined])(
    '%s is refused',
    (value) => {
      expect(() => long.serialize(value as number)).toThrow(RangeError)
    },
  )

  test('a long that a number cannot hold exactly is refused', () => {
    for (const bytes of ['0020000000000000', 'ffe0000000000000', '7fffffffffffffff']) {
      expect(() => long.deserialize(Buffer.from(bytes, 'hex'))).toThrow(RangeError)
    }
  })

  test('it is read from the middle of a larger buffer', () => {
    const buffer = Buffer.from('ffff0000000000000007ffff', 'hex')
    expect(long.deserialize(buffer.subarray(2, 10))).toBe(7)
    expect(long.deserialize(new Uint8Array(buffer).subarray(2, 10))).toBe(7)
  })
})

describe('double, as Kafka writes a Double', () => {
  test.each([
    [0, '0000000000000000'],
    [-0, '8000000000000000'],
    [1.5, '3ff8000000000000'],
    [-Infinity, 'fff0000000000000'],
    [NaN, '7ff8000000000000'],
  ])('%d', (value, bytes) => {
    expect(hex(double.serialize(value))).toBe(bytes)
    expect(double.deserialize(Buffer.from(bytes, 'hex'))).toBe(value)
  })

  test.each(['1', undefined, 1n, {}])('%s, which is no number, is refused', (value) => {
    expect(() => double.serialize(value as number)).toThrow(TypeError)
  })

  test('other than eight bytes are refused', () => {
    expect(() => double.deserialize(new Uint8Array(4))).toThrow(RangeError)
  })
})
