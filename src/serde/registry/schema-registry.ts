export type SchemaType = 'AVRO' | 'JSON' | 'PROTOBUF'

/** A schema as a registry has it: its text, and before it those that the text refers to. */
export interface SchemaDefinition {
  readonly type: SchemaType
  readonly schema: string
  readonly references: readonly SchemaDefinition[]
}

export interface RegisteredSchema {
  /** What stands in front of each record: a positive int32, unique in the registry. */
  readonly id: number
  readonly definition: SchemaDefinition
}

/**
 * What is needed of a schema registry (Confluent's API, Apicurio's of the same shape). Each call
 * throws a `StreamsError`: `SCHEMA_MISSING`, `SCHEMA_INCOMPATIBLE`, `REGISTRY_REFUSED` or
 * `REGISTRY_UNREACHABLE`.
 */
export interface SchemaRegistry {
  /** Adds a version to the subject where it has none like it; the same schema keeps its id. */
  readonly register: (subject: string, definition: SchemaDefinition) => Promise<number>
  /** The id that the schema has in the subject. */
  readonly find: (subject: string, definition: SchemaDefinition) => Promise<number>
  readonly latest: (subject: string) => Promise<RegisteredSchema>
  readonly byId: (id: number) => Promise<SchemaDefinition>
}
