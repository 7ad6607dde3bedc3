import type { ByteString } from '../byte-string.ts'

const CHUNK_KEYS_MAX = 512

/**
 * An ordered set: sorted chunks in a sorted list. Finding is two binary searches; adding moves at
 * most one chunk. Iteration survives changes: it goes on from the last key it gave.
 */
export class SortedKeys {
  readonly #chunks: ByteString[][] = []
  #version = 0

  /** Takes keys in any order, each once. */
  constructor(keys: Iterable<ByteString>) {
    // Without a comparator: strings are compared by code units, which is the order of the bytes.
    const sorted = [...keys].sort()
    for (let start = 0; start < sorted.length; start += CHUNK_KEYS_MAX / 2) {
      this.#chunks.push(sorted.slice(start, start + CHUNK_KEYS_MAX / 2))
    }
  }

  /** The key must not be in the set. */
  add(key: ByteString): void {
    this.#version++
    if (this.#chunks.length === 0) {
      this.#chunks.push([key])
      return
    }
    const at = Math.min(this.#chunkOf(key), this.#chunks.length - 1)
    const chunk = this.#chunks[at]!
    if (chunk[chunk.length - 1]! < key) chunk.push(key)
    else chunk.splice(indexOf(chunk, key), 0, key)
    if (chunk.length > CHUNK_KEYS_MAX) {
      this.#chunks.splice(at + 1, 0, chunk.splice(CHUNK_KEYS_MAX / 2))
    }
  }

  /** The key must be in the set. */
  remove(key: ByteString): void {
    this.#version++
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]!
    chunk.splice(indexOf(chunk, key), 1)
    if (chunk.length === 0) {
      this.#chunks.splice(at, 1)
      return
    }
    const next = this.#chunks[at + 1]
    // Otherwise deletes could leave a long list of tiny chunks.
    if (next !== undefined && chunk.length + next.length < CHUNK_KEYS_MAX / 2) {
      this.#chunks.splice(at, 2, chunk.concat(next))
    }
  }

  /** `from` inclusive, `to` exclusive; null is unbounded. */
  range(
    from: ByteString | null,
    to: ByteString | null,
    direction: 'forward' | 'backward',
  ): IterableIterator<ByteString> {
    return direction === 'forward' ? this.#forward(from ?? '', to) : this.#backward(from ?? '', to)
  }

  *#forward(from: ByteString, to: ByteString | null): Generator<ByteString, undefined> {
    let [at, index] = this.#seek(from)
    let version = this.#version
    for (;;) {
      const key = this.#chunks[at]?.[index]
      if (key === undefined || (to !== null && key >= to)) return
      yield key
      if (version !== this.#version) {
        version = this.#version
        ;[at, index] = this.#seek(`${key}\0`)
      } else if (++index === this.#chunks[at]!.length) {
        at++
        index = 0
      }
    }
  }

  *#backward(from: ByteString, to: ByteString | null): Generator<ByteString, undefined> {
    let [at, index] = this.#seek(to)
    let version = this.#version
    for (;;) {
      if (--index < 0) {
        if (--at < 0) return
        index = this.#chunks[at]!.length - 1
      }
      const key = this.#chunks[at]![index]!
      if (key < from) return
      yield key
      if (version !== this.#version) {
        version = this.#version
        ;[at, index] = this.#seek(key)
      }
    }
  }

  /** Where the first key at or after `key` is, or one past the last; null is after every key. */
  #seek(key: ByteString | null): [at: number, index: number] {
    const at = key === null ? this.#chunks.length : this.#chunkOf(key)
    const chunk = this.#chunks[at]
    return [at, chunk === undefined || key === null ? 0 : indexOf(chunk, key)]
  }

  /** The first chunk that ends at or after `key`. */
  #chunkOf(key: ByteString): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const chunk = this.#chunks[middle]!
      if (chunk[chunk.length - 1]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The first index whose key is not before `key`. */
function indexOf(sorted: readonly ByteString[], key: ByteString): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
