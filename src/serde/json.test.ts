import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { json } from './json.ts'

test.each([{ orderId: 1, items: ['tea', 'Käse'] }, [], 'text', 0, -1.5, true, null, { a: null }])(
  '%j comes back as it was',
  (value) => {
    const serde = json<unknown>()
    expect(serde.deserialize(serde.serialize(value))).toEqual(value)
  },
)

test('JSON is compact and in UTF-8', () => {
  const bytes = json<object>().serialize({ name: 'Zoë', count: 1 })
  expect(Buffer.from(bytes).equals(Buffer.from('{"name":"Zoë","count":1}', 'utf8'))).toBe(true)
})

test('what other writers leave between is read, too', () => {
  expect(json<object>().deserialize(Buffer.from(' { "a" : [ 1 , 2 ] }\n'))).toEqual({ a: [1, 2] })
})

test.each([undefined, () => 1, Symbol('order')])('%s, which has no JSON, is refused', (value) => {
  expect(() => json<unknown>().serialize(value)).toThrow(TypeError)
})

test('a bigint, which has no JSON, is refused', () => {
  expect(() => json<unknown>().serialize({ id: 1n })).toThrow(TypeError)
})

test.each(['', '{', '{"a":1} {}', "{'a':1}", 'undefined', 'NaN'])('%j is refused', (text) => {
  expect(() => json<unknown>().deserialize(Buffer.from(text))).toThrow(SyntaxError)
})

test('bytes that are no UTF-8 are refused, not repaired', () => {
  expect(() => json<unknown>().deserialize(Buffer.from([0x22, 0xff, 0x22]))).toThrow(TypeError)
})

describe('json with a schema', () => {
  const order = z.object({ id: z.string(), amount: z.number().int(), note: z.string().default('') })
  const serde = json(order)
  const read = (text: string): z.infer<typeof order> => serde.deserialize(Buffer.from(text))

  test('gives what the schema makes of the text', () => {
    expect(read('{"id":"o-1","amount":2,"more":true}')).toEqual({ id: 'o-1', amount: 2, note: '' })
    const written = serde.serialize({ id: 'o-1', amount: 2, note: 'x' })
    expect(Buffer.from(written).toString()).toBe('{"id":"o-1","amount":2,"note":"x"}')
  })

  test('names everything that is wrong, and where', () => {
    expect(() => read('{"id":7,"amount":1.5}')).toThrow(/^id: .*; amount: /)
    expect(() => read('no JSON')).toThrow(SyntaxError)
  })

  test('refuses a schema that a record would have to wait for', () => {
    const slow = json(z.string().refine(async () => true))
    expect(() => slow.deserialize(Buffer.from('"a"'))).toThrow(TypeError)
  })
})
