import { noHeaders, type Headers, type RawRecord } from '../../core/record.ts'
import type { TimerStore } from '../../state/timer-store.ts'
import type { OperatorContext, OperatorFactory } from '../../topology/processor.ts'
import { keyIdentity } from '../waiting/key-identity.ts'
import { RecordsAtHand, type WaitingPlace } from '../waiting/record-at-hand.ts'
import { Batch, OpenBatches } from './open-batches.ts'

/** So many rows are read when a task starts; a store that has more is read key by key. */
const READ_AT_START_MAX = 10_000
/** The one timer of a key. */
const TIMER = ''

export interface Buffering {
  readonly place: WaitingPlace
  readonly recordsMax: number
  /** Of the values as they are written. */
  readonly bytesMax: number
  /** From the first record on; undefined: a batch may wait for ever. */
  readonly timeMs: number | undefined
  /** One batch for each key, or one for all records of the task. */
  readonly by: 'key' | 'partition'
}

/** A record in a batch of a partition. */
export interface Buffered<out K, out V> {
  readonly key: K
  readonly value: V
}

/**
 * Gathers records, in their order, and sends them on as one: a list of their values. What is
 * gathered is in a store with what it came from, so offsets move on, and where a batch fails
 * further on, all of its records have failed. A record without a key belongs to no batch by key.
 */
export const buffer =
  (options: Buffering): OperatorFactory =>
  (context) => {
    const buffering = new BufferStep(options, context)
    if (options.by === 'partition') {
      return {
        process: (key, value, timestampMs, headers) =>
          buffering.add(null, { key, value }, timestampMs, headers),
      }
    }
    return {
      process: (key, value, timestampMs, headers) => {
        if (key === null || key === undefined) context.recordDropped('null key in a buffer')
        else buffering.add(key, value, timestampMs, headers)
      },
    }
  }

class BufferStep {
  readonly #context: OperatorContext
  readonly #options: Buffering
  readonly #atHand: RecordsAtHand
  readonly #store: TimerStore<unknown>
  #batches: OpenBatches | undefined

  constructor(options: Buffering, context: OperatorContext) {
    this.#context = context
    this.#options = options
    this.#atHand = new RecordsAtHand(context, options.place)
    this.#store = context.timers<unknown>(options.place.store, ({ key }) => this.#look(key))
  }

  add(key: unknown, value: unknown, timestampMs: number, headers: Headers): void {
    const { recordsMax, bytesMax, timeMs } = this.#options
    const nowMs = this.#context.wallClockMs()
    const record = this.#atHand.record(key, value, timestampMs, headers, nowMs)
    const payload = this.#atHand.encode(key, record)
    const bytes = record.value?.length ?? 0
    const batch = this.#batchOf(key)
    if (!batch.isEmpty && batch.bytes + bytes > bytesMax) this.#send(key, batch)
    if (batch.isEmpty) batch.sinceMs = nowMs
    batch.places.push(this.#store.append(key, payload))
    batch.values?.push(value)
    if (batch.values !== undefined) batch.payloads.push(payload)
    batch.bytes += bytes
    batch.timestampMs = Math.max(batch.timestampMs, timestampMs)
    batch.lastAt = record.sources.at(-1)!
    this.#batches!.grew(bytes)
    if (batch.places.length >= recordsMax || batch.bytes >= bytesMax) this.#send(key, batch)
    else if (timeMs !== undefined && !batch.hasTimer) this.#setTimer(key, batch, nowMs + timeMs)
  }

  /**
   * One timer for as many batches as come in its time: when it fires it is set again for the batch
   * that is open then.
   */
  #look(key: unknown): void {
    const batch = this.#batchOf(key)
    batch.hasTimer = false
    const { timeMs = 0 } = this.#options
    const dueMs = batch.sinceMs + timeMs
    if (batch.isEmpty) this.#batches!.delete(keyIdentity(key, this.#options.place.key))
    else if (dueMs > this.#context.wallClockMs()) this.#setTimer(key, batch, dueMs)
    else this.#send(key, batch)
  }

  #setTimer(key: unknown, batch: Batch, atMs: number): void {
    this.#store.set(key, TIMER, atMs, 'wall-clock')
    batch.hasTimer = true
  }

  #send(key: unknown, batch: Batch): void {
    if (batch.values === undefined) this.#fill(key, batch)
    const { places, values, payloads, timestampMs, lastAt, bytes } = batch
    for (const place of places) this.#store.remove(key, place)
    batch.places = []
    batch.values = []
    batch.payloads = []
    batch.bytes = 0
    batch.timestampMs = -1
    this.#batches!.grew(-bytes)
    const records = (): readonly RawRecord[] =>
      payloads.flatMap((payload) => this.#atHand.decode(key, payload).sources)
    const waited = { records, at: lastAt, attempts: 1, firstFailedAtMs: undefined }
    this.#context.resume(waited, () => this.#context.emit(key, values, timestampMs, noHeaders))
  }

  #batchOf(key: unknown): Batch {
    const batches = (this.#batches ??= this.#readAll())
    const identity = keyIdentity(key, this.#options.place.key)
    const known = batches.get(identity)
    if (known !== undefined) return known
    const batch = new Batch(false)
    if (!batches.isComplete) {
      this.#fill(key, batch)
      batch.hasTimer = this.#store.get(key) !== undefined
    }
    batches.set(identity, batch)
    return batch
  }

  /** Reads a batch from the store. */
  #fill(key: unknown, batch: Batch): void {
    batch.places = []
    batch.values = []
    batch.payloads = []
    batch.bytes = 0
    for (const { place, payload } of this.#store.queue(key)) {
      this.#addStored(key, batch, place, payload)
    }
  }

  #addStored(key: unknown, batch: Batch, place: string, payload: Uint8Array): void {
    const record = this.#atHand.decode(key, payload)
    if (batch.isEmpty) batch.sinceMs = record.sinceMs
    batch.places.push(place)
    batch.values?.push(this.#atHand.valueOf(record))
    batch.payloads.push(payload)
    batch.bytes += record.value?.length ?? 0
    batch.timestampMs = Math.max(batch.timestampMs, record.timestampMs)
    batch.lastAt = record.sources.at(-1)!
  }

  /** What was there before a restart, so that a key which is not there need not be looked up. */
  #readAll(): OpenBatches {
    const batches = new OpenBatches()
    const hasTimers = this.#store.nextMs('wall-clock') !== Infinity
    let left = READ_AT_START_MAX
    for (const [key, { place, payload }] of this.#store.queues()) {
      if (left-- === 0) return new OpenBatches()
      const identity = keyIdentity(key, this.#options.place.key)
      let batch = batches.get(identity)
      if (batch === undefined) {
        batch = new Batch(hasTimers)
        batches.set(identity, batch)
      }
      const before = batch.bytes
      this.#addStored(key, batch, place, payload)
      batches.grew(batch.bytes - before)
    }
    batches.isComplete = true
    return batches
  }
}
