import { Ajv, type Options, type ValidateFunction } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { SchemaCodec } from '../registry/schema-codec.ts'
import type { SchemaDefinition } from '../registry/schema-registry.ts'

/** Formats are comments here, as the drafts since 2019-09 have it. */
const options: Options = { strict: false, validateFormats: false, logger: false, allErrors: true }

/**
 * JSON that one schema describes. Whoever reads validates with its own schema, whatever the
 * writer's was, and puts in the defaults of properties that the writer did not know.
 */
export function jsonSchemaCodec<T>(definition: SchemaDefinition): SchemaCodec<T> {
  const schema = JSON.parse(definition.schema) as object | boolean
  const isWritable = validatorOf(definition, schema, options)
  const isReadable = validatorOf(definition, schema, { ...options, useDefaults: true })
  return {
    definition,
    recordName: (schema as { readonly title?: string }).title ?? 'json',
    encode: (value, freeBytes) => {
      check(isWritable, value)
      const text = JSON.stringify(value)
      const length = Buffer.byteLength(text)
      const bytes = Buffer.allocUnsafe(freeBytes + length)
      bytes.write(text, freeBytes, 'utf8')
      return bytes
    },
    decoder: (writer) => {
      if (writer.type !== 'JSON') throw new TypeError(`the schema is ${writer.type}, not JSON`)
      return (bytes, from) => {
        const value = JSON.parse(utf8.decode(bytes.subarray(from))) as T
        check(isReadable, value)
        return value
      }
    },
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function check(validate: ValidateFunction, value: unknown): void {
  if (validate(value)) return
  const [first] = validate.errors ?? []
  throw new TypeError(`${first?.instancePath ?? ''}: ${first?.message ?? 'does not fit'}`)
}

function validatorOf(
  { references }: SchemaDefinition,
  schema: object | boolean,
  settings: Options,
): ValidateFunction {
  const draft = String((schema as { readonly $schema?: unknown }).$schema)
  const Draft = draft.includes('2020-12') ? Ajv2020 : draft.includes('2019-09') ? Ajv2019 : Ajv
  const ajv = new Draft(settings)
  for (const { schema: text } of references) ajv.addSchema(JSON.parse(text) as object)
  // Of a draft that ajv does not bring along the name is all that it misses.
  const isKnown = draft === 'undefined' || ajv.getSchema(draft) !== undefined
  return ajv.compile(isKnown ? schema : { ...(schema as object), $schema: undefined })
}
