import { describe, expect, test } from 'vitest'
import { MemoryRegistry } from '../registry/memory-registry.ts'
import { boundTo } from '../registry/remote-serde.ts'
import { recordNameStrategy, topicRecordNameStrategy } from '../registry/subject-name.ts'
import type { Serde } from '../serde.ts'
import { windowed } from '../windowed-key.ts'
import { avro, type AvroOptions, type AvroSchema } from './avro.ts'

interface Order {
  readonly id: string
  readonly amount: number
}

const orderSchema: AvroSchema = {
  type: 'record',
  name: 'Order',
  namespace: 'shop',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'amount', type: 'int' },
  ],
}
const withNote: AvroSchema = {
  type: 'record',
  name: 'Order',
  namespace: 'shop',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'amount', type: 'long' },
    { name: 'note', type: ['null', 'string'], default: null },
  ],
}

const open = async <T>(
  registry: MemoryRegistry,
  schema: AvroSchema,
  options?: AvroOptions,
): Promise<Serde<T>> => {
  const serde = boundTo(avro<T>(schema, options), 'orders', 'value')
  await serde.remote?.open(registry)
  return serde
}

describe('avro', () => {
  test('writes a zero, the id of the schema and what the Avro specification says', async () => {
    const serde = await open<Order>(new MemoryRegistry(), orderSchema)
    const bytes = serde.serialize({ id: 'o-1', amount: -3 })
    // A string is its length (zig-zag) and UTF-8; -3 is zig-zag 5.
    expect([...bytes]).toEqual([0, 0, 0, 0, 1, 6, ...Buffer.from('o-1'), 5])
    expect(serde.deserialize(bytes)).toEqual({ id: 'o-1', amount: -3 })
  })

  test('reads what an older version wrote, with the defaults of the newer', async () => {
    const registry = new MemoryRegistry()
    const older = await open<Order>(registry, orderSchema)
    const newer = await open<Order & { note: string | null }>(registry, withNote)
    const bytes = older.serialize({ id: 'o-1', amount: 7 })
    expect(() => newer.deserialize(bytes)).toThrow(
      expect.objectContaining({ code: 'SCHEMA_PENDING' }),
    )
    await newer.remote?.ready(bytes)
    expect(newer.remote?.ready(bytes)).toBeUndefined()
    expect(newer.deserialize(bytes)).toEqual({ id: 'o-1', amount: 7, note: null })
  })

  test('leaves out what a newer version wrote and it does not know', async () => {
    const registry = new MemoryRegistry()
    const newer = await open<object>(registry, withNote)
    const older = await open<Order>(registry, {
      ...(orderSchema as object),
      fields: [{ name: 'id', type: 'string' }],
    } as AvroSchema)
    const bytes = newer.serialize({ id: 'o-1', amount: 7, note: 'gift' })
    await older.remote?.ready(bytes)
    expect(older.deserialize(bytes)).toEqual({ id: 'o-1' })
  })

  test('says which schema it cannot read, and why', async () => {
    const registry = new MemoryRegistry()
    const writer = await open<number>(registry, 'int', { subject: 'numbers' })
    const reader = await open<Order>(registry, orderSchema)
    const bytes = writer.serialize(5)
    await reader.remote?.ready(bytes)
    expect(() => reader.deserialize(bytes)).toThrow(
      expect.objectContaining({
        code: 'SERDE_FAILED',
        message: expect.stringContaining('schema 1 ') as string,
      }),
    )
  })

  test('refuses bytes that are no record of a registry', async () => {
    const registry = new MemoryRegistry()
    const serde = await open<Order>(registry, orderSchema)
    expect(() => serde.deserialize(Buffer.from('{"id":1}'))).toThrow('the first byte is 123')
    expect(() => serde.deserialize(Buffer.from([0, 1]))).toThrow('2 bytes are too few')
    const bytes = serde.serialize({ id: 'o-1', amount: 1 })
    expect(() => serde.deserialize(Buffer.concat([bytes, Buffer.from([9])]))).toThrow(
      '1 bytes are left over',
    )
    expect(() => serde.deserialize(bytes.subarray(0, 7))).toThrow('ends too early')
    expect(serde.remote?.ready(Buffer.from('{}'))).toBeUndefined()
  })

  test('a schema that the registry does not have is asked for again with the next record', async () => {
    const registry = new MemoryRegistry()
    const serde = await open<Order>(registry, orderSchema)
    const bytes = Buffer.from(serde.serialize({ id: 'o-1', amount: 1 }))
    bytes.writeInt32BE(2, 1)
    await serde.remote?.ready(bytes)
    expect(() => serde.deserialize(bytes)).toThrow(
      expect.objectContaining({ code: 'SCHEMA_MISSING' }),
    )
    await registry.register('late', { type: 'AVRO', schema: '"string"', references: [] })
    await registry.register('late', {
      type: 'AVRO',
      schema: JSON.stringify(orderSchema),
      references: [],
    })
    await serde.remote?.ready(bytes)
    expect(() => serde.deserialize(bytes)).toThrow(
      expect.objectContaining({ code: 'SERDE_FAILED' }),
    )
  })

  test('refuses a value that is not of the schema', async () => {
    const serde = await open<unknown>(new MemoryRegistry(), orderSchema)
    expect(() => serde.serialize({ id: 'o-1', amount: 'much' })).toThrow('"much"')
  })

  test('writes what is larger than its buffer', async () => {
    const serde = await open<string>(new MemoryRegistry(), 'string')
    for (const length of [1, 1_000, 1_020, 1_100, 100_000, 5]) {
      expect(serde.deserialize(serde.serialize('é'.repeat(length)))).toBe('é'.repeat(length))
    }
  })

  test('what was written stays as it is when the next value is written', async () => {
    const serde = await open<string>(new MemoryRegistry(), 'string')
    const first = serde.serialize('first')
    serde.serialize('other')
    expect(serde.deserialize(first)).toBe('first')
  })

  test('by the name of a subject, its newest schema is used', async () => {
    const registry = new MemoryRegistry()
    await open<Order>(registry, orderSchema)
    await open<Order>(registry, withNote)
    const serde = avro<object>('orders-value')
    await serde.remote?.open(registry)
    const order = { id: 'o-1', amount: 3, note: 'gift' }
    expect(serde.deserialize(serde.serialize(order))).toEqual(order)
    await expect(avro('nobody-value').remote?.open(registry)).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
    })
  })

  test('registers under the name of the topic, or what a strategy says', async () => {
    const registry = new MemoryRegistry()
    const idIn = async (subject: string): Promise<number> => (await registry.latest(subject)).id
    await open(registry, orderSchema)
    await open(registry, orderSchema, { subject: recordNameStrategy })
    await open(registry, orderSchema, { subject: topicRecordNameStrategy })
    await open(registry, orderSchema, { subject: 'mine' })
    await boundTo(windowed(avro<Order>(orderSchema)), 'windows', 'key').remote?.open(registry)
    for (const subject of [
      'orders-value',
      'shop.Order',
      'orders-shop.Order',
      'mine',
      'windows-key',
    ]) {
      expect(await idIn(subject)).toBe(1)
    }
  })

  test('without registering, the schema has to be there', async () => {
    const registry = new MemoryRegistry()
    await expect(open(registry, orderSchema, { register: false })).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
    })
    await open(registry, orderSchema)
    const serde = await open<Order>(registry, orderSchema, { register: false })
    expect(serde.serialize({ id: '', amount: 0 })[4]).toBe(1)
  })

  test('a schema that is none is refused when the topology is built', () => {
    expect(() => avro({ type: 'record', name: 'Order' } as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_TOPOLOGY' }),
    )
  })

  test('inside a windowed key it is asked for as well', async () => {
    const registry = new MemoryRegistry()
    const older = boundTo(windowed(avro<Order>(orderSchema), '1m'), 'windows', 'key')
    const newer = boundTo(windowed(avro<Order>(withNote), '1m'), 'windows', 'key')
    await older.remote?.open(registry)
    await newer.remote?.open(registry)
    const bytes = older.serialize({
      key: { id: 'o-1', amount: 1 },
      window: { startMs: 60_000, endMs: 120_000 },
    })
    await newer.remote?.ready(bytes)
    expect(newer.deserialize(bytes)).toEqual({
      key: { id: 'o-1', amount: 1, note: null },
      window: { startMs: 60_000, endMs: 120_000 },
    })
  })
})
