import type { Header, Offset } from '../../core/record.ts'
import type { StoredDeadLetter } from '../dead-letters.ts'

/** What one transaction sends at most: a second's work, and bounded memory. */
export const CHUNK_LETTERS_MAX = 1_000
const CHUNK_BYTES_MAX = 4 * 1024 * 1024

/** Why a letter that the filters let through is not sent again. */
export type Refusal = 'sent too often' | 'no source' | 'source is gone'

export interface RedriveCounts {
  /** Sent again, by this run. */
  redriven: number
  /** Sent again by an earlier run of the same id. */
  earlier: number
  /** Left out by the filters. */
  others: number
  /** Let through by the filters and not sent. */
  readonly refused: Record<Refusal, number>
}

export const noCounts = (): RedriveCounts => ({
  redriven: 0,
  earlier: 0,
  others: 0,
  refused: { 'sent too often': 0, 'no source': 0, 'source is gone': 0 },
})

/** Letters that are sent in one transaction, and all that was looked at to find them. */
export class RedriveChunk {
  readonly counts = noCounts()
  readonly letters: StoredDeadLetter[] = []
  /** What is done with when it is sent, as `[start, end)` of a partition. */
  readonly done: { readonly partition: number; readonly start: Offset; readonly end: Offset }[] = []
  /** Where the search goes on, by partition. */
  readonly next = new Map<number, Offset>()
  #bytes = 0

  get isFull(): boolean {
    return this.letters.length >= CHUNK_LETTERS_MAX || this.#bytes >= CHUNK_BYTES_MAX
  }

  add(letter: StoredDeadLetter): void {
    const { key, value, headers } = letter
    // They point into fetched buffers, each of which one letter would keep in memory.
    const copy = { ...letter, key: copied(key), value: copied(value), headers: headers.map(kept) }
    this.letters.push(copy)
    this.counts.redriven += 1
    for (const bytes of [copy.key, copy.value, ...copy.headers.map(([, each]) => each)]) {
      this.#bytes += bytes?.length ?? 0
    }
  }

  /** By where they came from: a source partition gets its records in the order it had them in. */
  inSourceOrder(): readonly StoredDeadLetter[] {
    return this.letters.toSorted(
      (a, b) =>
        (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0) ||
        a.partition - b.partition ||
        a.offset - b.offset,
    )
  }
}

const copied = (bytes: Uint8Array | null): Uint8Array | null => bytes && new Uint8Array(bytes)

const kept = ([name, value]: Header): Header => [name, copied(value)]
