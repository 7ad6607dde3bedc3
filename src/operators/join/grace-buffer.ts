import type { Headers } from '../../core/record.ts'
import type { KeyValueStore } from '../../state/store.ts'
import type { OperatorContext } from '../../topology/processor.ts'
import { RecordsAtHand, type WaitingPlace } from '../waiting/record-at-hand.ts'
import { firstTime } from '../waiting/released.ts'
import type { WaitingRecord } from '../waiting/waiting-record.ts'
import { leastFree, type WaitingKey } from './waiting-key.ts'

type Use = (key: unknown, value: unknown, timestampMs: number, headers: Headers) => void

/**
 * Records of a stream that wait until stream time has passed theirs by a grace (KIP-923), in the
 * order in which they will go: by timestamp, key and arrival. Stream time is the largest timestamp
 * that was put here; the record that has it waits here too, unless there is no grace.
 */
export class GraceBuffer {
  readonly #rows: KeyValueStore<WaitingKey<unknown>, Uint8Array>
  readonly #context: OperatorContext
  readonly #atHand: RecordsAtHand
  readonly #graceMs: number
  #streamTimeMs: number
  /** No record waits that is earlier. */
  #earliestMs = 0

  constructor(context: OperatorContext, place: WaitingPlace, graceMs: number) {
    this.#rows = context.store(place.store)
    this.#context = context
    this.#atHand = new RecordsAtHand(context, place)
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
  readonly hold: Use = (key, value, timestampMs, headers) => {
    const record = this.#atHand.record(key, value, timestampMs, headers, 0)
    // Those of one key and time go at once, so the numbers have no gaps.
    const number = leastFree((each) => {
      return this.#rows.get({ timestampMs, key, number: each }) === undefined
    })
    const place = { timestampMs, key, number }
    this.#rows.put(place, this.#atHand.encode(key, record), timestampMs)
    if (timestampMs < this.#earliestMs) this.#earliestMs = timestampMs
  }

  /** Takes out what is due, one after the other. One for which `use` fails is set aside itself. */
  release(use: Use): void {
    // To ask the store for the first one is dear, and mostly in vain.
    if (!this.isDue(this.#earliestMs)) return
    for (const [place, stored] of this.#rows.all()) {
      this.#earliestMs = place.timestampMs
      if (!this.isDue(place.timestampMs)) return
      const record = this.#atHand.decode(place.key, stored)
      this.#rows.put(place, null)
      this.#resume(place.key, record, use)
    }
    this.#earliestMs = Number.MAX_SAFE_INTEGER
  }

  #resume(key: unknown, record: WaitingRecord, use: Use): void {
    const { sources, timestampMs, headers } = record
    const at = sources.at(-1) as (typeof sources)[number]
    this.#context.resume({ ...firstTime, records: () => sources, at }, () =>
      use(key, this.#atHand.valueOf(record), timestampMs, headers),
    )
  }
}
