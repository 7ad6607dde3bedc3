import { messageOf, StreamsError } from '../../core/errors.ts'
import type { Serde } from '../../serde/serde.ts'
import type { ByteString } from '../byte-string.ts'

/** What a key is known by in a Map: the key itself, or the text of its bytes. */
export type Identity = string | number | bigint | boolean

/**
 * Tells keys apart in memory as their bytes do in the store, and, where keys are primitives,
 * without serialising them.
 *
 * A primitive stands for its bytes only if it is what they deserialise to: two lone surrogates, `0`
 * and `-0`, or a serde that rounds would otherwise give one row two identities. So a primitive is
 * tried once, at its first meeting; the first key that fails, or is no primitive, turns the whole
 * space to texts of bytes for good.
 */
export class KeySpace<K> {
  readonly #store: string
  readonly #serde: Serde<K>
  readonly #onTextsOnly: () => void
  #primitives = true

  /** `onTextsOnly`: every identity given so far is void. */
  constructor(store: string, serde: Serde<K>, onTextsOnly: () => void) {
    this.#store = store
    this.#serde = serde
    this.#onTextsOnly = onTextsOnly
  }

  /** For a look-up: undefined where the bytes are needed. A key never met is not found by it. */
  quick(key: K): Identity | undefined {
    return this.#primitives && isPlain(key) ? key : undefined
  }

  /** For what is going to be kept under the key. */
  identity(key: K, bytes: Uint8Array, text: ByteString): Identity {
    if (this.#primitives) {
      if (isPlain(key) && this.#standsFor(key, bytes)) return key
      this.#primitives = false
      this.#onTextsOnly()
    }
    return text
  }

  encode(key: K): Uint8Array {
    try {
      return this.#serde.serialize(key)
    } catch (error) {
      throw new StreamsError('SERDE_FAILED', {
        message: `store "${this.#store}" cannot serialise a key with ${this.#serde.name}: ${messageOf(error)}`,
        hint: 'Give the store the serde of its keys, or change the keys.',
        cause: error,
      })
    }
  }

  decode(bytes: Uint8Array): K {
    try {
      return this.#serde.deserialize(bytes)
    } catch (error) {
      throw new StreamsError('SERDE_FAILED', {
        message: `store "${this.#store}" cannot read a key with ${this.#serde.name}: ${messageOf(error)}`,
        hint: 'Give the store the serde that its keys were written with.',
        cause: error,
      })
    }
  }

  #standsFor(key: K, bytes: Uint8Array): boolean {
    try {
      return Object.is(this.#serde.deserialize(bytes), key)
    } catch {
      return false
    }
  }
}

/** A Map takes 0 for -0, and NaN has many forms. */
function isPlain(key: unknown): key is Identity {
  switch (typeof key) {
    case 'string':
    case 'bigint':
    case 'boolean':
      return true
    case 'number':
      return key === 0 ? !Object.is(key, -0) : !Number.isNaN(key)
    default:
      return false
  }
}
