import { codecOfOwn } from '../registry/own-schema.ts'
import { registrySerde, type RegistrySerdeOptions } from '../registry/registry-serde.ts'
import type { Serde } from '../serde.ts'
import { jsonSchemaCodec } from './json-schema-codec.ts'

/** As in the JSON Schema specification (draft-07, 2019-09, 2020-12), JSON as a value. */
export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * JSON in Confluent's wire format, validated both when it is written and when it is read. Give a
 * schema, which is registered, or the name of a subject, whose newest version is used. A value that
 * does not fit goes where bad records go.
 */
export function jsonSchema<T>(
  schemaOrSubject: JsonSchema | string,
  options: RegistrySerdeOptions = {},
): Serde<T> {
  const text =
    typeof schemaOrSubject === 'string'
      ? schemaOrSubject.trimStart().startsWith('{') && schemaOrSubject
      : JSON.stringify(schemaOrSubject)
  return registrySerde<T>({
    ...options,
    ...(text === false ? { subject: options.subject ?? (schemaOrSubject as string) } : {}),
    name: 'jsonSchema',
    codec:
      text === false
        ? undefined
        : codecOfOwn('a JSON', () =>
            jsonSchemaCodec<T>({ type: 'JSON', schema: text, references: [] }),
          ),
    codecOf: (definition) => jsonSchemaCodec<T>(definition),
  })
}
