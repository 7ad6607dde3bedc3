import { describe, expect, test } from 'vitest'
import { MemoryRegistry } from '../registry/memory-registry.ts'
import { boundTo } from '../registry/remote-serde.ts'
import { recordNameStrategy } from '../registry/subject-name.ts'
import type { Serde } from '../serde.ts'
import { jsonSchema, type JsonSchema } from './json-schema.ts'

interface Order {
  readonly id: string
  readonly amount: number
}

const orderSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Order',
  type: 'object',
  properties: { id: { type: 'string' }, amount: { type: 'integer', minimum: 0 } },
  required: ['id', 'amount'],
}
const withNote = {
  ...orderSchema,
  properties: { ...orderSchema.properties, note: { type: 'string', default: 'none' } },
}

const open = async <T>(
  registry: MemoryRegistry,
  schema: JsonSchema | string,
  options?: Parameters<typeof jsonSchema>[1],
): Promise<Serde<T>> => {
  const serde = boundTo(jsonSchema<T>(schema, options), 'orders', 'value')
  await serde.remote?.open(registry)
  return serde
}

describe('jsonSchema', () => {
  test('writes a zero, the id of the schema and JSON', async () => {
    const serde = await open<Order>(new MemoryRegistry(), orderSchema)
    const bytes = serde.serialize({ id: 'ö-1', amount: 3 })
    expect([...bytes]).toEqual([0, 0, 0, 0, 1, ...Buffer.from('{"id":"ö-1","amount":3}')])
    expect(serde.deserialize(bytes)).toEqual({ id: 'ö-1', amount: 3 })
  })

  test('refuses to write or to read what does not fit, and says where', async () => {
    const serde = await open<Order>(new MemoryRegistry(), orderSchema)
    expect(() => serde.serialize({ id: 'o-1', amount: -1 })).toThrow('/amount: must be >= 0')
    const read = (text: string) => serde.deserialize(Buffer.from(`\0\0\0\0\u0001${text}`))
    expect(() => read('{"id":"o-1"}')).toThrow("must have required property 'amount'")
    expect(() => read('{"id":')).toThrow(SyntaxError)
    expect(read('{"id":"o-1","amount":1}')).toEqual({ id: 'o-1', amount: 1 })
  })

  test('reads what an older version wrote, with the defaults of the newer', async () => {
    const registry = new MemoryRegistry()
    const older = await open<Order>(registry, orderSchema)
    const newer = await open<object>(registry, withNote)
    const bytes = older.serialize({ id: 'o-1', amount: 7 })
    await newer.remote?.ready(bytes)
    expect(newer.deserialize(bytes)).toEqual({ id: 'o-1', amount: 7, note: 'none' })
  })

  test('a value that is written stays as it is', async () => {
    const serde = await open<object>(new MemoryRegistry(), withNote)
    const order = Object.freeze({ id: 'o-1', amount: 7 })
    expect(Buffer.from(serde.serialize(order)).subarray(5).toString()).toBe(JSON.stringify(order))
  })

  test('takes the name of a subject, the text of a schema and other drafts', async () => {
    const registry = new MemoryRegistry()
    const pair = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'array',
      prefixItems: [{ type: 'string' }, { type: 'number' }],
      items: false,
    }
    const serde = await open<readonly unknown[]>(registry, JSON.stringify(pair), {
      subject: 'pairs',
    })
    expect(() => serde.serialize(['a', 1, 2])).toThrow('must NOT have more than 2 items')
    const named = await open<readonly unknown[]>(registry, 'pairs')
    expect(named.deserialize(serde.serialize(['a', 1]))).toEqual(['a', 1])
  })

  test('is called after its title where the subject is called after the record', async () => {
    const registry = new MemoryRegistry()
    await open(registry, orderSchema, { subject: recordNameStrategy })
    expect((await registry.latest('Order')).id).toBe(1)
  })

  test('a record of another kind of schema is refused', async () => {
    const registry = new MemoryRegistry()
    const serde = await open<Order>(registry, orderSchema)
    await registry.register('avro', { type: 'AVRO', schema: '"int"', references: [] })
    const bytes = Buffer.from([0, 0, 0, 0, 2, 10])
    await serde.remote?.ready(bytes)
    expect(() => serde.deserialize(bytes)).toThrow('the schema is AVRO, not JSON')
  })

  test('a schema that is none is refused when the topology is built', () => {
    expect(() => jsonSchema({ type: 'no such type' })).toThrow(
      expect.objectContaining({ code: 'INVALID_TOPOLOGY' }),
    )
  })
})
