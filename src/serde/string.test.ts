import { expect, test } from 'vitest'
import { string } from './string.ts'

test.each([
  '',
  'order-1',
  'Zürich',
  '日本語',
  '\u{1f600}',
  '\ufeffwith a mark',
  'a\u0000b',
  '\ufffd',
])('the text %j comes back as it was', (text) => {
  const bytes = string.serialize(text)
  expect(Buffer.from(bytes).equals(Buffer.from(text, 'utf8'))).toBe(true)
  expect(string.deserialize(bytes)).toBe(text)
})

test('a text is read from the middle of a larger buffer', () => {
  expect(string.deserialize(Buffer.from('<order-1>').subarray(1, 8))).toBe('order-1')
  expect(string.deserialize(new Uint8Array(Buffer.from('order-1')))).toBe('order-1')
})

test.each([
  ['a lone continuation byte', [0x80]],
  ['a sequence cut short', [0xe2, 0x82]],
  ['an overlong form', [0xc0, 0x80]],
  ['a surrogate', [0xed, 0xa0, 0x80]],
  ['broken bytes beside a replacement character', [0xef, 0xbf, 0xbd, 0xff]],
])('%s is refused', (_, bytes) => {
  expect(() => string.deserialize(Uint8Array.from(bytes))).toThrow(TypeError)
})

test.each([1, undefined, {}, new String('text')])('%j, which is no text, is refused', (value) => {
  expect(() => string.serialize(value as string)).toThrow(TypeError)
})

test('half of a surrogate pair, which has no UTF-8, becomes the replacement character', () => {
  expect(string.deserialize(string.serialize('a\ud800'))).toBe('a\ufffd')
})
