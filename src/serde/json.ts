import type { Serde } from './serde.ts'
import { validated, type StandardSchema } from './standard-schema.ts'
import { decodeUtf8 } from './string.ts'

/**
 * JSON text in UTF-8. `undefined`, which JSON has no word for, is refused. With a schema (zod,
 * valibot or any other Standard Schema that validates synchronously) what is read is validated, and
 * is what the schema makes of it; a record that fails goes where bad records go. What is written is
 * checked by the compiler only.
 */
export const json = <T>(schema?: StandardSchema<T>): Serde<T> =>
  schema === undefined
    ? (jsonSerde as Serde<T>)
    : {
        name: 'json',
        serialize: jsonSerde.serialize,
        deserialize: (bytes) => validated(schema, jsonSerde.deserialize(bytes)),
      }

const jsonSerde: Serde<unknown> = {
  name: 'json',
  serialize: (value) => {
    const text = JSON.stringify(value) as string | undefined
    if (text === undefined) throw new TypeError(`a ${typeof value} has no JSON`)
    return Buffer.from(text, 'utf8')
  },
  deserialize: (bytes) => JSON.parse(decodeUtf8(bytes)),
}
