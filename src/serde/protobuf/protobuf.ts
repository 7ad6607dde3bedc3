import { codecOfOwn } from '../registry/own-schema.ts'
import { registrySerde, type RegistrySerdeOptions } from '../registry/registry-serde.ts'
import type { Serde } from '../serde.ts'
import { protobufCodec } from './protobuf-codec.ts'

/** Of the serdes that `protobuf` makes. */
export interface ProtobufOptions extends RegistrySerdeOptions {
  /** Which message of the schema the records are: `shop.Order`; by default the first. */
  readonly message?: string
}

/**
 * Protobuf in Confluent's wire format. Give the text of a `.proto` file, to be registered, or the
 * name of a subject, whose newest version is used.
 *
 * Values are plain objects with field names in camelCase, as in Protobuf's own JSON: 64-bit
 * integers are read as decimal text (and written from text or exact numbers), enums are their
 * names, bytes are a `Buffer`. A value that does not fit the message is refused.
 */
export function protobuf<T>(schemaOrSubject: string, options: ProtobufOptions = {}): Serde<T> {
  const { message, ...rest } = options
  const isText = /[{;]/.test(schemaOrSubject)
  return registrySerde<T>({
    ...rest,
    ...(isText ? {} : { subject: rest.subject ?? schemaOrSubject }),
    name: 'protobuf',
    codec: isText
      ? codecOfOwn('a Protobuf', () =>
          protobufCodec<T>({ type: 'PROTOBUF', schema: schemaOrSubject, references: [] }, message),
        )
      : undefined,
    codecOf: (definition) => protobufCodec<T>(definition, message),
  })
}
