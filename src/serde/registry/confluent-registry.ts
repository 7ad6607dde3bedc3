import { SchemaRegistry as ConfluentClient, SchemaType } from '@kafkajs/confluent-schema-registry'
import type { Clock } from '../../core/clock.ts'
import { messageOf, StreamsError } from '../../core/errors.ts'
import type { RegisteredSchema, SchemaDefinition, SchemaRegistry } from './schema-registry.ts'

const REQUEST_TIMEOUT_MS = 10_000
/** Answers of the registry that are a matter of the schema. */
const CONFLICT = 409
const UNPROCESSABLE = 422

/** Where the schema registry is; plain data, so that it can be posted to a worker. */
export interface SchemaRegistryConnection {
  /** `https://registry.example.com`, with a path where the API has one (`/apis/ccompat/v7`). */
  readonly url: string
  readonly username?: string
  readonly password?: string
}

/** What we use of the client's requests, as they are answered. */
type Answer = Promise<{ readonly data: () => unknown }>
interface Requests {
  readonly Schema: { readonly find: (of: { readonly id: number }) => Answer }
  readonly Subject: {
    readonly latestVersion: (of: { readonly subject: string }) => Answer
    readonly version: (of: { readonly subject: string; readonly version: number }) => Answer
    readonly registered: (of: { readonly subject: string; readonly body: object }) => Answer
    readonly register: (of: { readonly subject: string; readonly body: object }) => Answer
  }
}

interface SchemaAnswer {
  readonly id?: number
  readonly schemaType?: string
  readonly schema: string
  readonly references?: readonly { readonly subject: string; readonly version: number }[]
}

/**
 * A registry with Confluent's API. Of the client its requests are used, with their retries: its own
 * `register` also changes how compatible a new subject must be, which is not ours to say, and its
 * `decode` is a promise for each record.
 */
export function confluentRegistry(
  connection: SchemaRegistryConnection,
  clock: Clock,
): SchemaRegistry {
  const { url, username, password } = withoutUserIn(connection)
  const client = new ConfluentClient({
    host: url.replace(/\/+$/, ''),
    clientId: 'millrace',
    ...(username === undefined ? {} : { auth: { username, password: password ?? '' } }),
  })
  const { Schema, Subject } = (client as unknown as { readonly api: Requests }).api

  const ask = async <T>(what: string, request: Answer): Promise<T> => {
    const answered = new AbortController()
    const late = clock.sleep(REQUEST_TIMEOUT_MS, answered.signal).then(() => {
      throw new Error(`no answer within ${REQUEST_TIMEOUT_MS} ms`)
    })
    // Once the race is decided nobody looks at the loser.
    late.catch(() => {})
    try {
      return (await Promise.race([request, late])).data() as T
    } catch (error) {
      throw explained(error, what, url)
    } finally {
      answered.abort('answered')
    }
  }

  const definitionOf = async (answer: SchemaAnswer): Promise<SchemaDefinition> => {
    const references: SchemaDefinition[] = []
    for (const { subject, version } of answer.references ?? []) {
      const what = `version ${version} of subject "${subject}"`
      const found = await ask<SchemaAnswer>(what, Subject.version({ subject, version }))
      const definition = await definitionOf(found)
      references.push(...definition.references, { ...definition, references: [] })
    }
    const type = (answer.schemaType ?? SchemaType.AVRO) as SchemaDefinition['type']
    return { type, schema: answer.schema, references }
  }

  return {
    register: async (subject, definition) => {
      const body = bodyOf(definition)
      const what = `a schema for subject "${subject}"`
      return (await ask<{ id: number }>(what, Subject.register({ subject, body }))).id
    },
    find: async (subject, definition) => {
      const body = bodyOf(definition)
      const what = `this schema in subject "${subject}"`
      return (await ask<{ id: number }>(what, Subject.registered({ subject, body }))).id
    },
    latest: async (subject): Promise<RegisteredSchema> => {
      const what = `subject "${subject}"`
      const answer = await ask<SchemaAnswer>(what, Subject.latestVersion({ subject }))
      return { id: answer.id as number, definition: await definitionOf(answer) }
    },
    byId: async (id) => {
      return definitionOf(await ask<SchemaAnswer>(`schema ${id}`, Schema.find({ id })))
    },
  }
}

const bodyOf = ({ type, schema }: SchemaDefinition): object =>
  // Older registries know no types, and take every schema for Avro.
  type === 'AVRO' ? { schema } : { schemaType: type, schema }

function explained(error: unknown, what: string, url: string): StreamsError {
  const { status } = error as { readonly status?: number }
  const said = messageOf(error).replace(/^millrace - /, '')
  switch (status) {
    case 404:
      return new StreamsError('SCHEMA_MISSING', {
        message: `the schema registry does not have ${what}: ${said}`,
        hint: 'Register the schema, or let the serde do it: { register: true }.',
        cause: error,
      })
    case CONFLICT:
    case UNPROCESSABLE:
      return new StreamsError('SCHEMA_INCOMPATIBLE', {
        message: `the schema registry refuses ${what}: ${said}`,
        hint: 'Change the schema so that it fits the versions before it (new fields with defaults), or use another subject.',
        cause: error,
      })
    case 401:
    case 403:
      return new StreamsError('REGISTRY_REFUSED', {
        message: `the schema registry at ${url} refuses access to ${what}: ${said}`,
        hint: 'Check the user and the password for the schema registry.',
        cause: error,
      })
    default:
      return new StreamsError('REGISTRY_UNREACHABLE', {
        message: `the schema registry at ${url} does not answer for ${what}: ${said}`,
        hint: 'Start the registry, or check its address (--schema-registry).',
        cause: error,
      })
  }
}

/** An address may carry a user and a password: it is told in errors, theirs and ours. */
function withoutUserIn(connection: SchemaRegistryConnection): SchemaRegistryConnection {
  const match =
    /^(?<scheme>[a-z]+:\/\/)(?<user>[^/@:]*)(?::(?<password>[^/@]*))?@(?<rest>.*)$/i.exec(
      connection.url,
    )?.groups
  if (match === undefined) return connection
  const { scheme = '', user = '', password = '', rest = '' } = match
  return {
    username: decodeURIComponent(user),
    password: decodeURIComponent(password),
    ...connection,
    url: `${scheme}${rest}`,
  }
}
