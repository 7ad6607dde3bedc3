import { messageOf, StreamsError } from '../../core/errors.ts'
import type { Headers, RawRecord } from '../../core/record.ts'
import type { Serde } from '../../serde/serde.ts'
import type { OperatorContext } from '../../topology/processor.ts'
import { decodeWaiting, encodeWaiting, type WaitingRecord } from './waiting-record.ts'

export interface WaitingPlace {
  /** A store that the step declared with `waitingStore`, by nullable keys. */
  readonly store: string
  /** The store's own. */
  readonly key: Serde<unknown>
  /** Of what the step is given. */
  readonly value: Serde<unknown>
}

/** Turns what a step is given into what can wait in its store, and back. */
export class RecordsAtHand {
  readonly #context: OperatorContext
  readonly #place: WaitingPlace

  constructor(context: OperatorContext, place: WaitingPlace) {
    this.#context = context
    this.#place = place
  }

  /** The record that is at hand, `sinceMs` of the wall clock on. */
  record(
    key: unknown,
    value: unknown,
    timestampMs: number,
    headers: Headers,
    sinceMs: number,
  ): WaitingRecord {
    const bytes = this.#valueBytes(value)
    const sources = this.#context.sources()
    const own = { value: bytes, timestampMs, headers, attempts: 0, sinceMs, id: '' }
    if (sources.length > 0) return { ...own, sources }
    const { topic, partition, offset } = this.#context.meta
    const source: RawRecord = {
      topic,
      partition,
      offset,
      key: this.#keyBytes(key),
      value: bytes,
      timestampMs,
      headers,
    }
    return { ...own, sources: [source] }
  }

  encode(key: unknown, record: WaitingRecord): Uint8Array {
    return encodeWaiting(this.#keyBytes(key), record)
  }

  decode(key: unknown, payload: Uint8Array): WaitingRecord {
    return decodeWaiting(this.#keyBytes(key), payload)
  }

  /** Throws where the value cannot be read. */
  valueOf({ value }: WaitingRecord): unknown {
    return value && this.#place.value.deserialize(value)
  }

  #keyBytes(key: unknown): Uint8Array {
    // Without the byte in front that tells null from the others.
    return this.#place.key.serialize(key).subarray(1)
  }

  #valueBytes(value: unknown): Uint8Array | null {
    if (value === null || value === undefined) return null
    const { value: serde, store } = this.#place
    try {
      return serde.serialize(value)
    } catch (error) {
      throw new StreamsError('SERDE_FAILED', {
        message: `a record cannot wait in store "${store}": ${messageOf(error)}`,
        hint: 'Give the step a serde for the values that it is given.',
        cause: error,
      })
    }
  }
}
