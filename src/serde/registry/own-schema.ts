import { messageOf, StreamsError } from '../../core/errors.ts'
import type { SchemaCodec } from './schema-codec.ts'

/** The codec of a schema that a topology gives; one that is none is refused when it is built. */
export function codecOfOwn<T>(kind: string, make: () => SchemaCodec<T>): SchemaCodec<T> {
  try {
    return make()
  } catch (error) {
    throw new StreamsError('INVALID_TOPOLOGY', {
      message: `${kind} schema cannot be used: ${messageOf(error)}`,
      hint: `Check it against the ${kind.replace(/^an? /, '')} specification.`,
      cause: error,
    })
  }
}
