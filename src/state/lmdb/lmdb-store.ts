import type { Database } from 'lmdb'
import type { ByteEntry, ByteStore } from '../backend.ts'
import { compareBytes } from '../byte-order.ts'
import { changeBucket, readBucket } from './bucket.ts'
import { fromLmdbKey, isBucket, isLong, longKey, restOf, toLmdbKey } from './lmdb-keys.ts'

export type Bytes = Database<Uint8Array, Uint8Array>

/** A range is read in chunks: a cursor left open would keep every page it may still see. */
const FIRST_CHUNK_ENTRIES = 16
const CHUNK_ENTRIES_MAX = 256
const CHUNK_BYTES_MAX = 1024 * 1024
/** Beyond this lmdb-js hands out the memory map itself, which a later write may change. */
const COPIED_BY_LMDB_MAX_BYTES = 16 * 1024 * 1024

interface Bounds {
  readonly start: Uint8Array | undefined
  readonly exclusiveStart: boolean
  readonly end: Uint8Array | undefined
  readonly inclusiveEnd: boolean
  readonly reverse: boolean
}

/** One store's sub-database. */
export class LmdbStore implements ByteStore {
  readonly #database: Bytes
  readonly #guard: <T>(doing: string, work: () => T) => T

  /** `guard` turns LMDB's errors into ours. */
  constructor(database: Bytes, guard: <T>(doing: string, work: () => T) => T) {
    this.#database = database
    this.#guard = guard
  }

  readonly get = (key: Uint8Array): Uint8Array | undefined =>
    this.#guard('reading a row', () => {
      const stored = this.#read(toLmdbKey(key))
      if (stored === undefined || !isLong(key)) return stored
      const rest = restOf(key)
      return readBucket(stored).find(([other]) => compareBytes(other, rest) === 0)?.[1]
    })

  readonly range: ByteStore['range'] = (from, to, direction) =>
    direction === 'forward'
      ? this.#entries(from, to, {
          start: from === null ? undefined : toLmdbKey(from),
          exclusiveStart: false,
          end: to === null ? undefined : toLmdbKey(to),
          inclusiveEnd: to !== null && isLong(to),
          reverse: false,
        })
      : this.#entries(from, to, {
          start: to === null ? undefined : toLmdbKey(to),
          exclusiveStart: to !== null && !isLong(to),
          end: from === null ? undefined : toLmdbKey(from),
          inclusiveEnd: true,
          reverse: true,
        })

  /** The long keys that begin alike count as one. */
  readonly approximateCount = (): number =>
    this.#guard(
      'counting rows',
      () => (this.#database.getStats() as { readonly entryCount: number }).entryCount,
    )

  /** Inside a write transaction. */
  write(entries: readonly ByteEntry[]): void {
    for (let at = 0; at < entries.length;) {
      const [key, value] = entries[at]!
      const lmdbKey = toLmdbKey(key)
      if (isLong(key)) {
        const first = at
        do at++
        while (isIn(lmdbKey, entries[at]?.[0]))
        this.#writeBucket(lmdbKey, entries.slice(first, at))
      } else {
        if (value === null) this.#database.removeSync(lmdbKey)
        else this.#database.putSync(lmdbKey, value)
        at++
      }
    }
  }

  /** Inside a write transaction. */
  clear(): void {
    this.#database.clearSync()
  }

  #writeBucket(bucketKey: Uint8Array, entries: readonly ByteEntry[]): void {
    const changes = entries.map(([key, value]) => [restOf(key), value] as const)
    const bucket = changeBucket(this.#database.getBinary(bucketKey), changes)
    if (bucket === undefined) this.#database.removeSync(bucketKey)
    else this.#database.putSync(bucketKey, bucket)
  }

  #read(lmdbKey: Uint8Array): Uint8Array | undefined {
    const stored = this.#database.getBinaryFast(lmdbKey)
    if (stored === undefined) return undefined
    // One large buffer, used for every row, whose `length` alone says where this row ends.
    return stored.length > COPIED_BY_LMDB_MAX_BYTES
      ? Uint8Array.prototype.slice.call(stored, 0, stored.length)
      : stored.subarray(0, stored.length)
  }

  *#entries(
    from: Uint8Array | null,
    to: Uint8Array | null,
    wanted: Bounds,
  ): Generator<readonly [key: Uint8Array, value: Uint8Array], undefined> {
    let bounds = wanted
    for (let entriesMax = FIRST_CHUNK_ENTRIES; ; entriesMax = CHUNK_ENTRIES_MAX) {
      const chunk = this.#chunk(bounds, entriesMax)
      for (const [lmdbKey, value] of chunk.entries) {
        if (!isBucket(lmdbKey)) yield [fromLmdbKey(lmdbKey), value]
        else yield* bucketEntries(lmdbKey, value, from, to, bounds.reverse)
      }
      const last = chunk.entries.at(-1)
      if (chunk.isLast || last === undefined) return
      bounds = { ...bounds, start: last[0], exclusiveStart: true }
    }
  }

  #chunk(
    bounds: Bounds,
    entriesMax: number,
  ): { readonly entries: (readonly [Uint8Array, Uint8Array])[]; readonly isLast: boolean } {
    return this.#guard('reading a range', () => {
      const entries: (readonly [Uint8Array, Uint8Array])[] = []
      let bytes = 0
      // Bounds that are undefined must be there all the same: lmdb-js has others for left-out ones.
      for (const { key, value } of this.#database.getRange(bounds as object)) {
        entries.push([key, value])
        bytes += key.length + value.length
        if (entries.length === entriesMax || bytes > CHUNK_BYTES_MAX) {
          return { entries, isLast: false }
        }
      }
      return { entries, isLast: true }
    })
  }
}

const isIn = (bucketKey: Uint8Array, key: Uint8Array | undefined): boolean =>
  key !== undefined && isLong(key) && compareBytes(toLmdbKey(key), bucketKey) === 0

function* bucketEntries(
  bucketKey: Uint8Array,
  bucket: Uint8Array,
  from: Uint8Array | null,
  to: Uint8Array | null,
  reverse: boolean,
): Generator<readonly [key: Uint8Array, value: Uint8Array], undefined> {
  const entries = readBucket(bucket)
  for (const [rest, value] of reverse ? entries.reverse() : entries) {
    const key = longKey(bucketKey, rest)
    if (from !== null && compareBytes(key, from) < 0) continue
    if (to !== null && compareBytes(key, to) >= 0) continue
    yield [key, value]
  }
}
