import type { schema } from 'avsc'
import { codecOfOwn } from '../registry/own-schema.ts'
import { registrySerde, type RegistrySerdeOptions } from '../registry/registry-serde.ts'
import type { Serde } from '../serde.ts'
import { avroCodec, type LogicalTypes } from './avro-codec.ts'

/** As in the Avro specification, JSON as a value. */
export type AvroSchema = schema.AvroSchema

/** Of the serdes that `avro` makes. */
export interface AvroOptions extends RegistrySerdeOptions {
  /** Classes for logical types, by name (`timestamp-millis`); see avsc's `LogicalType`. */
  readonly logicalTypes?: LogicalTypes
}

/**
 * Avro in Confluent's wire format. Give a schema, which is registered and which records are read
 * as (Avro's schema resolution), or the name of a subject, whose newest version is used.
 *
 * Unions are written as plain values where that is unambiguous. `long` is a number and throws
 * beyond 2^53.
 */
export function avro<T>(schemaOrSubject: AvroSchema, options: AvroOptions = {}): Serde<T> {
  const { logicalTypes = {}, ...rest } = options
  const isSubject = typeof schemaOrSubject === 'string' && !isSchemaText(schemaOrSubject)
  const recipe = {
    ...rest,
    ...(isSubject ? { subject: rest.subject ?? schemaOrSubject } : {}),
    name: 'avro',
    codec: isSubject ? undefined : ownCodec<T>(schemaOrSubject, logicalTypes),
    codecOf: (definition: Parameters<typeof avroCodec>[0]) =>
      avroCodec<T>(definition, logicalTypes),
  }
  return registrySerde<T>(recipe)
}

const primitives = new Set('null boolean int long float double bytes string'.split(' '))

const isSchemaText = (text: string): boolean => primitives.has(text) || /^\s*[[{"]/.test(text)

function ownCodec<T>(schema: AvroSchema, logicalTypes: LogicalTypes) {
  const text =
    typeof schema === 'string' && !primitives.has(schema) ? schema : JSON.stringify(schema)
  return codecOfOwn('an Avro', () =>
    avroCodec<T>({ type: 'AVRO', schema: text, references: [] }, logicalTypes),
  )
}
