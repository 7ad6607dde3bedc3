import type { SchemaDefinition } from './schema-registry.ts'

/** Reads the bytes from an index on, which is behind the schema's id. */
export type Decode<T> = (bytes: Buffer, from: number) => T

/** How values of one schema become bytes and back. */
export interface SchemaCodec<T> {
  readonly definition: SchemaDefinition
  /** The name of the record that the schema describes, for subjects that are called after it. */
  readonly recordName: string
  /** A new buffer with so many bytes free in front. Throws for a value of another schema. */
  readonly encode: (value: T, freeBytes: number) => Buffer
  /** For records of another version; throws when they cannot be read as this one. */
  readonly decoder: (writer: SchemaDefinition) => Decode<T>
}
