import { StreamsError } from '../../core/errors.ts'
import type { RegisteredSchema, SchemaDefinition, SchemaRegistry } from './schema-registry.ts'

/** A registry for tests of topologies: takes every schema, numbers them from 1, forgets none. */
export class MemoryRegistry implements SchemaRegistry {
  readonly #byId: SchemaDefinition[] = []
  readonly #subjects = new Map<string, number[]>()

  readonly register = (subject: string, definition: SchemaDefinition): Promise<number> => {
    const id = this.#idOf(definition) ?? this.#byId.push(definition)
    const versions = this.#subjects.get(subject) ?? []
    if (!versions.includes(id)) this.#subjects.set(subject, [...versions, id])
    return Promise.resolve(id)
  }

  readonly find = async (subject: string, definition: SchemaDefinition): Promise<number> => {
    const id = this.#idOf(definition)
    if (id === undefined || this.#subjects.get(subject)?.includes(id) !== true) {
      throw missing(`subject "${subject}" does not have this schema`)
    }
    return id
  }

  readonly latest = async (subject: string): Promise<RegisteredSchema> => {
    const id = this.#subjects.get(subject)?.at(-1)
    if (id === undefined) throw missing(`there is no subject "${subject}"`)
    return { id, definition: await this.byId(id) }
  }

  readonly byId = async (id: number): Promise<SchemaDefinition> => {
    const definition = this.#byId[id - 1]
    if (definition === undefined) throw missing(`there is no schema with id ${id}`)
    return definition
  }

  #idOf(definition: SchemaDefinition): number | undefined {
    const text = JSON.stringify(definition)
    const at = this.#byId.findIndex((each) => JSON.stringify(each) === text)
    return at < 0 ? undefined : at + 1
  }
}

const missing = (message: string): StreamsError =>
  new StreamsError('SCHEMA_MISSING', {
    message,
    hint: 'Register the schema, or give the serde a schema instead of a subject.',
  })
