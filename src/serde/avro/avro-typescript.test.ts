import { expect, test } from 'vitest'
import { avroTypeScript } from './avro-typescript.ts'

const typesOf = (schema: unknown, ...references: readonly unknown[]): string => {
  const definition = (each: unknown) =>
    ({ type: 'AVRO', schema: JSON.stringify(each), references: [] }) as const
  return avroTypeScript({ ...definition(schema), references: references.map(definition) })
}

test('records are interfaces, enums are texts, and each stands once', () => {
  const kind = { type: 'enum', name: 'Kind', symbols: ['PLAIN', 'GIFT'] }
  const order = {
    type: 'record',
    name: 'Order',
    namespace: 'shop',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'total', type: { type: 'long', logicalType: 'timestamp-millis' } },
      { name: 'paid', type: 'boolean', default: false },
      { name: 'raw', type: 'bytes' },
      { name: 'hash', type: { type: 'fixed', name: 'Hash', size: 16 } },
      { name: 'note', type: ['null', 'string'], default: null },
      { name: 'kind', type: kind },
      { name: 'kinds', type: { type: 'array', items: 'Kind' } },
      { name: 'notes', type: { type: 'array', items: ['null', 'string'] } },
      { name: 'counts', type: { type: 'map', values: 'int' } },
      { name: 'parts', type: { type: 'array', items: 'Order' } },
    ],
  }
  expect(typesOf(order)).toBe(`export interface Order {
  readonly id: string
  readonly total: number
  readonly paid: boolean
  readonly raw: Uint8Array
  readonly hash: Uint8Array
  readonly note: null | string
  readonly kind: Kind
  readonly kinds: readonly Kind[]
  readonly notes: readonly (null | string)[]
  readonly counts: Readonly<Record<string, number>>
  readonly parts: readonly Order[]
}

export type Kind = 'PLAIN' | 'GIFT'
`)
})

test('a union whose values do not say their branch has it around them', () => {
  expect(typesOf(['null', 'int', 'double'])).toBe(
    'export type Value = null | { readonly int: number } | { readonly double: number }\n',
  )
  const record = (name: string) => ({ type: 'record', name, namespace: 'shop', fields: [] })
  expect(typesOf([record('Placed'), record('Paid')])).toContain(
    "export type Value = { readonly 'shop.Placed': Placed } | { readonly 'shop.Paid': Paid }\n",
  )
})

test('two that are called the same in different namespaces are told apart', () => {
  const inner = { type: 'record', name: 'b.Order', fields: [] }
  const outer = { type: 'record', name: 'a.Order', fields: [{ name: 'inner', type: inner }] }
  expect(typesOf(outer)).toBe(
    'export interface Order {\n  readonly inner: BOrder\n}\n\nexport interface BOrder {\n}\n',
  )
})

test('a schema in another that it refers to is found', () => {
  const line = { type: 'record', name: 'Line', fields: [{ name: 'sku', type: 'string' }] }
  const order = { type: 'record', name: 'Order', fields: [{ name: 'line', type: 'Line' }] }
  expect(typesOf(order, line)).toContain('readonly line: Line')
})

test('a schema that is none is refused', () => {
  expect(() => typesOf({ type: 'record', name: 'Order' })).toThrow('fields')
})
