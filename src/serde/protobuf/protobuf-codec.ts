import type { Type } from 'protobufjs'
import type { Decode, SchemaCodec } from '../registry/schema-codec.ts'
import type { SchemaDefinition } from '../registry/schema-registry.ts'
import { checkMessage } from './check-message.ts'
import { decodeIndexes, encodeIndexes, lengthIfSame } from './message-indexes.ts'
import { fullNameOf, messageTypeOf } from './message-type.ts'

/** As in Protobuf's own JSON: fields that are not there have their defaults, long ones are text. */
const plain = { longs: String, enums: String, defaults: true } as const

/**
 * Values of one message. Fields go by their numbers, so that what another version wrote is read as
 * this one; of the writer's schema only the place of the message is needed.
 */
export function protobufCodec<T>(definition: SchemaDefinition, message?: string): SchemaCodec<T> {
  const { type, indexes } = messageTypeOf(definition, message)
  const list = encodeIndexes(indexes)
  return {
    definition,
    recordName: fullNameOf(type),
    encode: (value, freeBytes) => {
      checkMessage(type, value)
      const payload = type.encode(type.fromObject(value as object)).finish()
      const bytes = Buffer.allocUnsafe(freeBytes + list.length + payload.length)
      bytes.set(list, freeBytes)
      bytes.set(payload, freeBytes + list.length)
      return bytes
    },
    decoder: (writer) => {
      if (writer.type !== 'PROTOBUF') {
        throw new TypeError(`the schema is ${writer.type}, not Protobuf`)
      }
      const isOwn = writer.schema === definition.schema
      const theirs = isOwn ? indexes : messageTypeOf(writer, fullNameOf(type)).indexes
      return decoderOf<T>(type, encodeIndexes(theirs))
    },
  }
}

const decoderOf =
  <T>(type: Type, list: Uint8Array): Decode<T> =>
  (bytes, from) => {
    const length = lengthIfSame(bytes, from, list)
    if (length < 0) {
      const found = decodeIndexes(bytes, from).join(', ')
      throw new TypeError(`the record is message [${found}] of its schema, not a ${type.name}`)
    }
    return type.toObject(type.decode(bytes.subarray(from + length)), plain) as T
  }
