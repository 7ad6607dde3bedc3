import { describe, expect, test } from 'vitest'
import { MemoryRegistry } from '../registry/memory-registry.ts'
import { boundTo } from '../registry/remote-serde.ts'
import { recordNameStrategy } from '../registry/subject-name.ts'
import type { Serde } from '../serde.ts'
import { decodeIndexes, encodeIndexes } from './message-indexes.ts'
import { protobuf, type ProtobufOptions } from './protobuf.ts'

const shop = `
  syntax = "proto3";
  package shop;
  import "google/protobuf/timestamp.proto";
  message Order {
    string id = 1;
    int32 amount = 2;
    int64 total_cents = 3;
    Kind kind = 4;
    repeated Line lines = 5;
    map<string, int32> counts = 6;
    bytes raw = 7;
    google.protobuf.Timestamp placed_at = 8;
    enum Kind { PLAIN = 0; GIFT = 1; }
    message Line { string sku = 1; }
  }
  message Refund {
    message Reason { string text = 1; }
    string id = 1;
  }`

const open = async <T>(
  registry: MemoryRegistry,
  schema: string,
  options?: ProtobufOptions,
): Promise<Serde<T>> => {
  const serde = boundTo(protobuf<T>(schema, options), 'orders', 'value')
  await serde.remote?.open(registry)
  return serde
}

describe('message indexes', () => {
  test.each([
    // The first two are spelled out in Confluent's documentation of its wire format.
    [[0], [0]],
    [
      [1, 0],
      [4, 2, 0],
    ],
    [[1], [2, 2]],
    [
      [0, 64, 300],
      [6, 0, 128, 1, 216, 4],
    ],
  ])('%j are the bytes %j', (indexes, bytes) => {
    expect([...encodeIndexes(indexes)]).toEqual(bytes)
    expect(decodeIndexes(Uint8Array.from(bytes), 0)).toEqual(indexes)
  })
})

describe('protobuf', () => {
  test('writes a zero, the id, the index of the message and what Protobuf says', async () => {
    const serde = await open<object>(new MemoryRegistry(), shop)
    const bytes = serde.serialize({ id: 'o-1', amount: 150 })
    // 150 as field 2 is the example of the specification: 10 96 01.
    const payload = [0x0a, 3, ...Buffer.from('o-1'), 0x10, 0x96, 0x01]
    expect([...bytes]).toEqual([0, 0, 0, 0, 1, 0, ...payload])
    const spelledOut = Buffer.from([0, 0, 0, 0, 1, 2, 0, ...payload])
    expect(serde.deserialize(spelledOut)).toEqual(serde.deserialize(bytes))
  })

  test('gives back what it was given', async () => {
    const serde = await open<object>(new MemoryRegistry(), shop)
    const order = {
      id: 'o-1',
      amount: -3,
      totalCents: '9007199254740993',
      kind: 'GIFT',
      lines: [{ sku: 'tea' }, { sku: 'mate' }],
      counts: { tea: 2 },
      raw: Buffer.from([1, 2]),
      placedAt: { seconds: '1700000000', nanos: 5 },
    }
    expect(serde.deserialize(serde.serialize(order))).toEqual(order)
  })

  test('reads fields that are not there as their defaults', async () => {
    const serde = await open<object>(new MemoryRegistry(), shop)
    expect(serde.deserialize(serde.serialize({ id: 'o-1' }))).toMatchObject({
      id: 'o-1',
      amount: 0,
      totalCents: '0',
      kind: 'PLAIN',
    })
  })

  test('refuses what does not fit, and says where', async () => {
    const serde = await open<object>(new MemoryRegistry(), shop)
    const refused = (value: object, said: string) =>
      expect(() => serde.serialize(value)).toThrow(said)
    refused({ amount: 'much' }, '/amount: "much" is not a int32')
    refused({ amount: 2 ** 31 }, '/amount: 2147483648 is not a int32')
    refused({ totalCents: 2 ** 53 }, '/totalCents: 9007199254740992 is not a int64')
    refused({ totalCents: '9223372036854775808' }, '/totalCents')
    refused({ kind: 'TOY' }, '/kind: "TOY" is not a Kind')
    refused({ lines: [{ sku: 'tea' }, { sku: 5 }] }, '/lines/1/sku: 5 is not a string')
    refused({ counts: { tea: 0.5 } }, '/counts/tea')
    refused({ price: 5 }, '/price: Order has no such field')
  })

  test('a message that is not the first, or stands in another, is found by name', async () => {
    const registry = new MemoryRegistry()
    const reason = await open<object>(registry, shop, { message: 'shop.Refund.Reason' })
    const bytes = reason.serialize({ text: 'broken' })
    expect([...bytes.subarray(5, 10)]).toEqual([4, 2, 0, 0x0a, 6])
    expect(reason.deserialize(bytes)).toEqual({ text: 'broken' })
    const refund = await open<object>(registry, shop, { message: 'Refund' })
    expect([...refund.serialize({ id: 'r' }).subarray(5, 7)]).toEqual([2, 2])
    expect(() => refund.deserialize(bytes)).toThrow(
      'the record is message [1, 0] of its schema, not a Refund',
    )
  })

  test('reads what another version wrote, wherever the message stands in it', async () => {
    const registry = new MemoryRegistry()
    const older = await open<object>(
      registry,
      `syntax = "proto3"; package shop;
       message Refund { string id = 1; }
       message Order { string id = 1; int32 amount = 2; string gone = 15; }`,
      { message: 'Order' },
    )
    const newer = await open<object>(registry, shop)
    const bytes = older.serialize({ id: 'o-1', amount: 7, gone: 'x' })
    expect(() => newer.deserialize(bytes)).toThrow(
      expect.objectContaining({ code: 'SCHEMA_PENDING' }),
    )
    await newer.remote?.ready(bytes)
    expect(newer.deserialize(bytes)).toMatchObject({ id: 'o-1', amount: 7, kind: 'PLAIN' })
  })

  test('takes the name of a subject, and is called after the message', async () => {
    const registry = new MemoryRegistry()
    const serde = await open<object>(registry, shop, { subject: recordNameStrategy })
    const named = await open<object>(registry, 'shop.Order', { message: 'Order' })
    const order = serde.serialize({ id: 'o-1' })
    expect(named.deserialize(order)).toMatchObject({ id: 'o-1' })
  })

  test('a schema that is none, or lacks the message, is refused when the topology is built', () => {
    const invalid = expect.objectContaining({ code: 'INVALID_TOPOLOGY' })
    expect(() => protobuf('message Order {')).toThrow(invalid)
    expect(() => protobuf('syntax = "proto3"; message A { Missing b = 1; }')).toThrow(invalid)
    expect(() => protobuf(shop, { message: 'Nothing' })).toThrow(
      'there is no message "Nothing", only shop.Order, shop.Refund',
    )
  })
})
