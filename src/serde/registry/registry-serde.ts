import { isStreamsError, messageOf, StreamsError } from '../../core/errors.ts'
import type { Serde } from '../serde.ts'
import type { RemoteSerde, TopicPart } from './remote-serde.ts'
import type { Decode, SchemaCodec } from './schema-codec.ts'
import type { SchemaDefinition, SchemaRegistry } from './schema-registry.ts'
import { topicNameStrategy, type SubjectNameStrategy } from './subject-name.ts'

/** Confluent's wire format: a zero, the schema's id as a big-endian int32, then the payload. */
const MAGIC_BYTE = 0
const HEADER_BYTES = 5

/** How a serde finds its schema in a registry. */
export interface RegistrySerdeOptions {
  /** The subject, or how it is called after topic and record; `<topic>-value` by default. */
  readonly subject?: string | SubjectNameStrategy
  /**
   * Whether the schema is added to its subject where it is missing; true by default. False where
   * schemas are registered by somebody else: then a missing one is `SCHEMA_MISSING`.
   */
  readonly register?: boolean
}

export interface RegistrySerdeRecipe<T> extends RegistrySerdeOptions {
  readonly name: string
  /** Undefined: the newest schema of the subject, which is then asked for. */
  readonly codec: SchemaCodec<T> | undefined
  readonly codecOf: (definition: SchemaDefinition) => SchemaCodec<T>
}

interface Place {
  readonly topic: string
  readonly part: TopicPart
}

/** A serde of records with a schema id in front, which says what the writer's schema was. */
export const registrySerde = <T>(recipe: RegistrySerdeRecipe<T>, place?: Place): Serde<T> => {
  const state = new RegistryState(recipe, place)
  return Object.freeze({
    name: recipe.name,
    serialize: state.serialize,
    deserialize: state.deserialize,
    remote: state,
  })
}

class RegistryState<T> implements RemoteSerde {
  readonly #recipe: RegistrySerdeRecipe<T>
  readonly #place: Place | undefined
  readonly #decoders = new Map<number, Decode<T>>()
  readonly #failures = new Map<number, unknown>()
  readonly #asking = new Map<number, Promise<void>>()
  #codec: SchemaCodec<T> | undefined
  #registry: SchemaRegistry | undefined
  #id = 0
  #lastId = -1
  #lastDecode: Decode<T> | undefined

  constructor(recipe: RegistrySerdeRecipe<T>, place: Place | undefined) {
    this.#recipe = recipe
    this.#place = place
    this.#codec = recipe.codec
  }

  get isOpen(): boolean {
    return this.#id > 0
  }

  readonly boundTo = (topic: string, part: TopicPart): Serde<unknown> => {
    const isBound = this.#place !== undefined || typeof this.#recipe.subject === 'string'
    const serde = registrySerde(this.#recipe, isBound ? this.#place : { topic, part })
    return serde as Serde<unknown>
  }

  readonly open = async (registry: SchemaRegistry): Promise<void> => {
    if (this.#registry === registry && this.isOpen) return
    const { codecOf, register = true } = this.#recipe
    const subject = this.#subject()
    let codec = this.#recipe.codec
    let id: number
    if (codec === undefined) {
      const latest = await registry.latest(subject)
      codec = codecOf(latest.definition)
      id = latest.id
    } else {
      id = await (register ? registry.register : registry.find)(subject, codec.definition)
    }
    this.#registry = registry
    this.#codec = codec
    this.#id = id
    this.#lastId = -1
    this.#decoders.clear()
    this.#decoders.set(id, codec.decoder(codec.definition))
  }

  #subject(): string {
    const { subject = topicNameStrategy, name } = this.#recipe
    if (typeof subject === 'string') return subject
    if (this.#place === undefined) {
      throw new StreamsError('INVALID_TOPOLOGY', {
        message: `a serde "${name}" is used without a topic, so its schema has no subject`,
        hint: "Give it to topic(…), or name the subject: { subject: 'orders-value' }.",
      })
    }
    return subject(this.#place.topic, this.#place.part, this.#codec?.recordName ?? '')
  }

  readonly serialize = (value: T): Uint8Array => {
    if (this.#codec === undefined || this.#id === 0) throw pending(`serde "${this.#recipe.name}"`)
    const bytes = this.#codec.encode(value, HEADER_BYTES)
    bytes[0] = MAGIC_BYTE
    bytes.writeInt32BE(this.#id, 1)
    return bytes
  }

  readonly deserialize = (bytes: Uint8Array): T => {
    const buffer = bufferOf(bytes)
    const id = idOf(buffer)
    if (id !== this.#lastId || this.#lastDecode === undefined) {
      this.#lastDecode = this.#decoderOf(id)
      this.#lastId = id
    }
    return this.#lastDecode(buffer, HEADER_BYTES)
  }

  #decoderOf(id: number): Decode<T> {
    const decode = this.#decoders.get(id)
    if (decode !== undefined) return decode
    const failure = this.#failures.get(id)
    if (failure !== undefined) {
      // Asked anew for the next record: somebody may have registered it meanwhile.
      this.#failures.delete(id)
      throw failure
    }
    // A store that was written with an older schema: whoever reads it cannot wait.
    void this.#ask(id)?.catch(() => {})
    throw pending(`schema ${id}`)
  }

  readonly ready = (bytes: Uint8Array): Promise<void> | undefined => {
    if (bytes.length < HEADER_BYTES || bytes[0] !== MAGIC_BYTE) return undefined
    const id = bufferOf(bytes).readInt32BE(1)
    if (id === this.#lastId || this.#decoders.has(id) || this.#failures.has(id)) return undefined
    return this.#ask(id)
  }

  #ask(id: number): Promise<void> | undefined {
    const registry = this.#registry
    const codec = this.#codec
    if (registry === undefined || codec === undefined) return undefined
    let asking = this.#asking.get(id)
    if (asking === undefined) {
      asking = this.#learn(id, registry, codec).finally(() => this.#asking.delete(id))
      this.#asking.set(id, asking)
    }
    return asking
  }

  async #learn(id: number, registry: SchemaRegistry, codec: SchemaCodec<T>): Promise<void> {
    let definition: SchemaDefinition
    try {
      definition = await registry.byId(id)
    } catch (error) {
      if (!isStreamsError(error) || error.code !== 'SCHEMA_MISSING') throw error
      this.#failures.set(id, error)
      return
    }
    try {
      this.#decoders.set(id, codec.decoder(definition))
    } catch (error) {
      this.#failures.set(id, unreadable(id, error))
    }
  }
}

/** The id in front of a record; throws for one without. */
function idOf(bytes: Buffer): number {
  if (bytes.length < HEADER_BYTES) {
    throw new TypeError(`${bytes.length} bytes are too few for a schema id`)
  }
  if (bytes[0] !== MAGIC_BYTE) {
    throw new TypeError(`the first byte is ${bytes[0]}, and not the 0 in front of a schema id`)
  }
  return bytes.readInt32BE(1)
}

const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const pending = (what: string): StreamsError =>
  new StreamsError('SCHEMA_PENDING', {
    message: `${what} is being asked for at the schema registry`,
    hint: 'Nothing: work goes on when the answer is there.',
  })

const unreadable = (id: number, cause: unknown): StreamsError =>
  new StreamsError('SERDE_FAILED', {
    message: `records with schema ${id} cannot be read as the schema of this topology: ${messageOf(cause)}`,
    hint: 'Give new fields defaults, and fields that are gone no meaning: both sides must be compatible.',
    cause,
  })
