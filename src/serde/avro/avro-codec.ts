import avsc, { type Schema, type Type, type types } from 'avsc'
import type { Decode, SchemaCodec } from '../registry/schema-codec.ts'
import type { SchemaDefinition } from '../registry/schema-registry.ts'

export type LogicalTypes = Readonly<
  Record<string, new (schema: Schema, options?: unknown) => types.LogicalType>
>

const SCRATCH_BYTES_MIN = 1_024

/**
 * Values of one Avro schema. Whoever reads decodes with the writer's schema into this one; the plan
 * for that (avsc's resolver) is made once for each version.
 */
export function avroCodec<T>(
  definition: SchemaDefinition,
  logicalTypes: LogicalTypes,
): SchemaCodec<T> {
  const type = typeOf(definition, logicalTypes)
  let scratch = Buffer.allocUnsafe(SCRATCH_BYTES_MIN)
  const encode = (value: T, freeBytes: number): Buffer => {
    let end = type.encode(value, scratch, freeBytes)
    while (end < 0) {
      // Less than nothing is what there was too little of.
      scratch = Buffer.allocUnsafe((scratch.length - end) * 2)
      end = type.encode(value, scratch, freeBytes)
    }
    return Buffer.from(scratch.subarray(0, end))
  }
  return {
    definition,
    recordName: type.name ?? type.typeName,
    encode,
    decoder: (writer) => {
      if (writer.type !== 'AVRO') throw new TypeError(`the schema is ${writer.type}, not Avro`)
      const same = writer.schema === definition.schema
      const writerType = same ? type : typeOf(writer, logicalTypes)
      // The same schema needs no plan, even where equal ones differ in logical types.
      return decoderOf(type, same ? undefined : type.createResolver(writerType))
    },
  }
}

const decoderOf =
  <T>(type: Type, resolver: ReturnType<Type['createResolver']> | undefined): Decode<T> =>
  (bytes, from) => {
    const { value, offset } = type.decode(bytes, from, resolver)
    if (offset !== bytes.length) {
      throw new RangeError(
        offset < 0 ? 'the record ends too early' : `${bytes.length - offset} bytes are left over`,
      )
    }
    return value as T
  }

function typeOf(definition: SchemaDefinition, logicalTypes: LogicalTypes): Type {
  const registry: Record<string, Type> = {}
  const options = { registry, logicalTypes, omitRecordMethods: true }
  for (const { schema } of definition.references) avsc.Type.forSchema(parsed(schema), options)
  return avsc.Type.forSchema(parsed(definition.schema), options)
}

const parsed = (text: string): Schema => JSON.parse(text) as Schema
