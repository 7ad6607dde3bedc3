import type { KeyValueStore } from '../../state/store.ts'
import type { OperatorContext } from '../../topology/processor.ts'
import { decodeHeld, encodeHeld, type HeldUpdate } from '../suppress/held-update.ts'
import { leastFree, type WaitingKey } from './waiting-key.ts'

/** A record that has waited long enough. */
export interface Held extends Omit<HeldUpdate, 'sentValue' | 'newValue'> {
  readonly key: unknown
  readonly value: Uint8Array
}

/**
 * Records of a stream that wait until stream time has passed theirs by a grace (KIP-923), in the
 * order in which they will go: by timestamp, key and arrival. Stream time is the largest timestamp
 * that was put here; the record that has it waits here too, unless there is no grace.
 */
export class GraceBuffer {
  readonly #rows: KeyValueStore<WaitingKey<unknown>, Uint8Array>
  readonly #context: OperatorContext
  readonly #graceMs: number
  #streamTimeMs: number
  /** No record waits that is earlier. */
  #earliestMs = 0

  constructor(context: OperatorContext, store: string, graceMs: number) {
    this.#rows = context.store(store)
    this.#context = context
    this.#graceMs = graceMs
    const last = this.#rows.reverseRange(null, null).next().value
    this.#streamTimeMs = last === undefined ? -1 : last[0].timestampMs
  }

  advance(timestampMs: number): void {
    if (timestampMs > this.#streamTimeMs) this.#streamTimeMs = timestampMs
  }

  isDue(timestampMs: number): boolean {
    return timestampMs <= this.#streamTimeMs - this.#graceMs
  }

  /** Keeps the record that is being processed. */
  hold(key: unknown, value: Uint8Array, timestampMs: number): void {
    const { topic, partition, offset, headers } = this.#context.meta
    // Those of one key and time go at once, so the numbers have no gaps.
    const number = leastFree((each) => {
      return this.#rows.get({ timestampMs, key, number: each }) === undefined
    })
    const place = { timestampMs, key, number }
    const record = { timestampMs, topic, partition, offset, headers }
    this.#rows.put(place, encodeHeld({ ...record, sentValue: null, newValue: value }), timestampMs)
    if (timestampMs < this.#earliestMs) this.#earliestMs = timestampMs
  }

  /** Takes out what is due, one after the other. */
  *release(): Generator<Held, undefined> {
    // To ask the store for the first one is dear, and mostly in vain.
    if (!this.isDue(this.#earliestMs)) return
    for (const [place, stored] of this.#rows.all()) {
      this.#earliestMs = place.timestampMs
      if (!this.isDue(place.timestampMs)) return
      const { newValue, sentValue: _, ...record } = decodeHeld(stored)
      // Before it is used: a record that fails for it should fail once, not with each one.
      this.#rows.put(place, null)
      yield { ...record, key: place.key, value: newValue ?? nothing }
    }
    this.#earliestMs = Number.MAX_SAFE_INTEGER
  }
}

const nothing = new Uint8Array(0)
