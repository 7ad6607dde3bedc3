import { expect, test } from 'vitest'
import { string } from './string.ts'
import { sessionWindowed, windowed } from './windowed-key.ts'

const key = { key: 'ada', window: { startMs: 2 ** 40 + 1, endMs: 2 ** 40 + 60_001 } }

test('a windowed key is the key and eight bytes of its start, as TimeWindowedSerializer writes', () => {
  const serde = windowed(string, '1m')
  expect(Buffer.from(serde.serialize(key)).toString('hex')).toBe('6164610000010000000001')
  expect(serde.deserialize(serde.serialize(key))).toEqual(key)
  expect(serde.name).toBe('windowed(string)')
})

test('without a size the end of a window is not known', () => {
  const serde = windowed(string)
  expect(serde.deserialize(serde.serialize(key)).window).toEqual({
    startMs: 2 ** 40 + 1,
    endMs: Number.MAX_SAFE_INTEGER,
  })
})

test('a session key is the key, its end and its start, as SessionWindowedSerializer writes', () => {
  const serde = sessionWindowed(string)
  expect(Buffer.from(serde.serialize(key)).toString('hex')).toBe(
    '616461000001000000ea610000010000000001',
  )
  expect(serde.deserialize(serde.serialize(key))).toEqual(key)
})

test('bytes too short for a window are refused', () => {
  expect(() => windowed(string).deserialize(Buffer.alloc(7))).toThrow('expected at least 8 bytes')
  expect(() => sessionWindowed(string).deserialize(Buffer.alloc(15))).toThrow(
    'expected at least 16 bytes',
  )
})
