import type { Serde } from '../../serde/serde.ts'

/**
 * What is left of a key's limit. Credits and not tokens, so that all numbers are whole: a record
 * costs as many as there are milliseconds in the period, each millisecond brings as many as there
 * are records to a period.
 */
export interface Bucket {
  readonly credits: number
  /** When they were counted. */
  readonly atMs: number
}

export interface Rate {
  readonly records: number
  readonly perMs: number
  /** How many may come at once after a pause. */
  readonly burst: number
}

/** The rules of a token bucket. A bucket that is full is as good as none. */
export class TokenBuckets {
  readonly #rate: Rate
  readonly #fullCredits: number

  constructor(rate: Rate) {
    this.#rate = rate
    this.#fullCredits = rate.burst * rate.perMs
  }

  /** At this time; time does not go back in a bucket. */
  at(bucket: Bucket | undefined, nowMs: number): Bucket {
    if (bucket === undefined) return { credits: this.#fullCredits, atMs: nowMs }
    if (nowMs <= bucket.atMs) return bucket
    const credits = bucket.credits + (nowMs - bucket.atMs) * this.#rate.records
    return { credits: Math.min(credits, this.#fullCredits), atMs: nowMs }
  }

  /** After one record; undefined where it has to wait. */
  less({ credits, atMs }: Bucket): Bucket | undefined {
    const left = credits - this.#rate.perMs
    return left < 0 ? undefined : { credits: left, atMs }
  }

  /** When a record may pass for which there are not enough credits. */
  nextMs({ credits, atMs }: Bucket): number {
    const { perMs, records } = this.#rate
    return atMs + Math.ceil((perMs - credits) / records)
  }

  isFull(bucket: Bucket, nowMs: number): boolean {
    return this.at(bucket, nowMs).credits === this.#fullCredits
  }
}

/** Sixteen bytes: credits and time. */
export const tokenBucket: Serde<Bucket> = {
  name: 'token-bucket',
  serialize: ({ credits, atMs }) => {
    const bytes = Buffer.allocUnsafe(16)
    bytes.writeDoubleBE(credits, 0)
    bytes.writeDoubleBE(atMs, 8)
    return bytes
  },
  deserialize: (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    return { credits: view.getFloat64(0), atMs: view.getFloat64(8) }
  },
}
