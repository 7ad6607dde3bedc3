import type { RawRecord } from '../../core/record.ts'

/** What has come for a batch that is not full yet. */
export class Batch {
  /** When the first record came, by the wall clock. */
  sinceMs = 0
  /** Where each record is in the queue of the key. */
  places: string[] = []
  /** The values as they came, and as they wait in the store; undefined: to be read from there. */
  values: unknown[] | undefined = []
  payloads: Uint8Array[] = []
  /** Of the values as they are written. */
  bytes = 0
  /** The largest of the records. */
  timestampMs = -1
  lastAt: Pick<RawRecord, 'topic' | 'partition' | 'offset'> = {
    topic: '',
    partition: -1,
    offset: -1,
  }
  /** Whether a timer of the key is set. */
  hasTimer: boolean

  constructor(hasTimer: boolean) {
    this.hasTimer = hasTimer
  }

  get isEmpty(): boolean {
    return this.places.length === 0
  }

  /** Keeps where its records are, and no more. */
  letGo(): void {
    this.values = undefined
    this.payloads = []
  }
}

/** Keys that are known; as many again may be there from before. */
const KEYS_MAX = 10_000
/** Of values, as they are written, that are kept as objects too. */
const VALUES_BYTES_MAX = 16 * 1024 * 1024

/**
 * The open batches of the keys that came lately. What does not fit is in the store all the same,
 * and is read from there. Two generations: when the young one is full it becomes the old one.
 */
export class OpenBatches {
  #young = new Map<unknown, Batch>()
  #old = new Map<unknown, Batch>()
  #bytes = 0
  /** What is not here is nowhere. */
  isComplete = false

  get(key: unknown): Batch | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: unknown, batch: Batch): void {
    this.#old.delete(key)
    this.#young.set(key, batch)
    if (this.#young.size < KEYS_MAX) return
    for (const each of this.#old.values()) {
      this.grew(-each.bytes)
      if (!each.isEmpty || each.hasTimer) this.isComplete = false
    }
    this.#old = this.#young
    this.#young = new Map()
  }

  delete(key: unknown): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  /** By so many bytes of values; where that is too much, they are kept in the store only. */
  grew(bytes: number): void {
    this.#bytes = Math.max(0, this.#bytes + bytes)
    if (this.#bytes <= VALUES_BYTES_MAX) return
    for (const batches of [this.#old, this.#young]) {
      for (const batch of batches.values()) batch.letGo()
    }
    this.#bytes = 0
  }
}
