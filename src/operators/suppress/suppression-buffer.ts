import { readTime, writeTime } from '../../serde/windowed-key.ts'
import type { KeyValueStore } from '../../state/store.ts'
import { decodeHeld, encodeHeld, type HeldUpdate } from './held-update.ts'

/** Rows of the store, by the first byte of their key. */
const PROGRESS = Buffer.of(0)
/** Then the time to wait for, eight bytes, and the key: updates in the order in which they go. */
const UPDATE = Buffer.of(1)
/** Then the key: where its update is. Not needed where the key itself says the time. */
const TIME = Buffer.of(2)

const TIME_BYTES = 8
const KEY_AT = UPDATE.length + TIME_BYTES

/** An update that may go now. */
export interface Release {
  readonly key: Uint8Array
  readonly update: HeldUpdate
}

/**
 * The updates that a suppress holds back, in a store of bytes: one for each key, in the order of
 * the time that it waits for, then of the key. A key that is updated again keeps its place.
 */
export class SuppressionBuffer {
  readonly #rows: KeyValueStore<Uint8Array, Uint8Array>
  readonly #timeOfKey: ((key: unknown) => number) | undefined
  /** No update waits for an earlier time. */
  #earliestMs = 0
  /** The largest timestamp of what came here; -1 at the beginning. */
  streamTimeMs = -1
  /** How many updates there are. */
  records = 0
  /** What their rows take: keys, values, topics and headers. */
  bytes = 0

  /** `timeOfKey`: undefined where an update waits by its own timestamp. */
  constructor(
    rows: KeyValueStore<Uint8Array, Uint8Array>,
    timeOfKey: ((key: unknown) => number) | undefined,
  ) {
    this.#rows = rows
    this.#timeOfKey = timeOfKey
    const progress = rows.get(PROGRESS)
    if (progress === undefined) return
    this.streamTimeMs = readTime(progress, 0)
    this.records = readTime(progress, TIME_BYTES)
    this.bytes = readTime(progress, 2 * TIME_BYTES)
  }

  /** What waits for a key. */
  find(key: unknown, keyBytes: Uint8Array): HeldUpdate | undefined {
    const timeMs = this.#timeOf(key, keyBytes)
    const stored = timeMs === undefined ? undefined : this.#rows.get(placeOf(timeMs, keyBytes))
    return stored && decodeHeld(stored)
  }

  /** What was sent last of a key that has an update here stays what it was. */
  hold(key: unknown, keyBytes: Uint8Array, update: HeldUpdate): void {
    const known = this.#timeOf(key, keyBytes)
    const timeMs = known ?? update.timestampMs
    const place = placeOf(timeMs, keyBytes)
    const old = known === undefined ? undefined : this.#rows.get(place)
    const held = old === undefined ? update : { ...update, sentValue: decodeHeld(old).sentValue }
    const stored = encodeHeld(held)
    this.#rows.put(place, stored)
    if (known === undefined) this.#rows.put(timeKeyOf(keyBytes), timeBytes(timeMs))
    this.bytes += stored.length - (old?.length ?? -place.length)
    if (old === undefined) this.records++
    if (timeMs < this.#earliestMs) this.#earliestMs = timeMs
  }

  /** Takes out, one after the other, what `isDue` by the time that it waits for. */
  *release(isDue: (timeMs: number) => boolean): Generator<Release, undefined> {
    // To ask the store for the first one is dear, and mostly in vain.
    if (!isDue(this.#earliestMs)) return
    for (const [found, stored] of this.#rows.prefixScan(UPDATE)) {
      const timeMs = readTime(found, UPDATE.length)
      this.#earliestMs = timeMs
      if (!isDue(timeMs)) return
      const place = Uint8Array.from(found)
      const key = place.subarray(KEY_AT)
      this.#rows.put(place, null)
      if (this.#timeOfKey === undefined) this.#rows.put(timeKeyOf(key), null)
      this.records--
      this.bytes -= place.length + stored.length
      yield { key, update: decodeHeld(stored) }
    }
    this.#earliestMs = Number.MAX_SAFE_INTEGER
  }

  /** Puts the numbers beside the updates, to be known again after a restart. */
  save(): void {
    const progress = Buffer.allocUnsafe(3 * TIME_BYTES)
    writeTime(progress, this.streamTimeMs, 0)
    writeTime(progress, this.records, TIME_BYTES)
    writeTime(progress, this.bytes, 2 * TIME_BYTES)
    this.#rows.put(PROGRESS, progress)
  }

  #timeOf(key: unknown, keyBytes: Uint8Array): number | undefined {
    if (this.#timeOfKey !== undefined) return this.#timeOfKey(key)
    const stored = this.#rows.get(timeKeyOf(keyBytes))
    return stored && readTime(stored, 0)
  }
}

function placeOf(timeMs: number, key: Uint8Array): Buffer {
  const place = Buffer.allocUnsafe(KEY_AT + key.length)
  place.set(UPDATE)
  writeTime(place, timeMs, UPDATE.length)
  place.set(key, KEY_AT)
  return place
}

const timeKeyOf = (key: Uint8Array): Buffer => Buffer.concat([TIME, key])

function timeBytes(timeMs: number): Buffer {
  const bytes = Buffer.allocUnsafe(TIME_BYTES)
  writeTime(bytes, timeMs, 0)
  return bytes
}
