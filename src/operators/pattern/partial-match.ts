import type { ByteString } from '../../state/byte-string.ts'

/**
 * An event that some partial match has taken. Partial matches share it, so it is kept, and written,
 * once. What is read from a store is decoded when somebody looks at it.
 */
export class Held {
  /** When it was taken, among the events of its key; also tells equal timestamps apart. */
  readonly order: number
  readonly timeMs: number
  #value: unknown
  /** As it is written; undefined: it was not, so far. */
  #text: ByteString | undefined
  #decode: ((text: ByteString) => unknown) | undefined

  private constructor(order: number, timeMs: number) {
    this.order = order
    this.timeMs = timeMs
  }

  static ofValue(order: number, timeMs: number, value: unknown): Held {
    const held = new Held(order, timeMs)
    held.#value = owned(value)
    return held
  }

  static ofText(
    order: number,
    timeMs: number,
    text: ByteString,
    decode: (text: ByteString) => unknown,
  ): Held {
    const held = new Held(order, timeMs)
    held.#text = text
    held.#decode = decode
    return held
  }

  get value(): unknown {
    if (this.#decode !== undefined) {
      this.#value = this.#decode(this.#text as ByteString)
      this.#decode = undefined
    }
    return this.#value
  }

  text(encode: (value: unknown) => ByteString): ByteString {
    this.#text ??= encode(this.#value)
    return this.#text
  }
}

/**
 * What a partial match has taken: a list from the last event back to the first. Matches that begin
 * alike share the list up to where they part, so none copies another one's events.
 */
export interface Taken {
  readonly event: Held
  /** Number of the step that took it. */
  readonly step: number
  readonly before: Taken | undefined
  /** The first event of the list. */
  readonly first: Held
}

/** A match on its way: a state of the automaton and what led there. */
export interface PartialMatch {
  /** Index of the state. */
  readonly state: number
  /** Undefined: nothing was taken, as in the start state. */
  readonly last: Taken | undefined
}

/** Partial matches that began earlier come first; the start state comes last. */
export const orderOf = ({ last }: PartialMatch): number => last?.first.order ?? Infinity

/** Bytes are copied: they may point into a fetched buffer, and would keep all of it in memory. */
export const owned = (value: unknown): unknown =>
  value instanceof Uint8Array ? new Uint8Array(value) : value
