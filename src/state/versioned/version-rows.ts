import type { ByteStore } from '../backend.ts'
import { byteString } from '../byte-string.ts'
import { WriteBuffer } from '../cache/write-buffer.ts'
import type { VersionPlace } from '../versioned-store.ts'
import { encodeVersion, endIsNoted, hasValue, timestampOf, withEndNoted } from './stored-version.ts'
import { newestKey, versionKey } from './version-layout.ts'

/**
 * Versions as bytes, over a write buffer. A put that is not late costs a look-up and two rows, or
 * one where its key is new. It says what Kafka Streams' RocksDBVersionedStore would hold after it.
 */
export class VersionRows {
  readonly buffer: WriteBuffer

  constructor(bytes: ByteStore) {
    this.buffer = new WriteBuffer(bytes)
  }

  /** The latest version, or deletion, of a key. Valid until the next call. */
  newest(key: Uint8Array): Uint8Array | undefined {
    return this.buffer.get(newestKey(key))
  }

  /** What held at a time that is before the latest one of the key. Valid until the next call. */
  before(key: Uint8Array, asOfMs: number): Uint8Array | undefined {
    if (asOfMs < 0) return undefined
    const end = versionKey(key, Math.floor(asOfMs) + 1)
    for (const [, stored] of this.buffer.range(versionKey(key, 0), end, 'backward')) return stored
    return undefined
  }

  /** The versions and deletions of a key that are not before that time, earliest first. */
  *from(key: Uint8Array, timestampMs: number): Generator<Uint8Array, undefined> {
    const newest = newestKey(key)
    const start = versionKey(key, timestampMs)
    for (const [, stored] of this.buffer.range(start, newest, 'forward')) yield stored
    const last = this.buffer.get(newest)
    if (last !== undefined) yield last
  }

  put(
    key: Uint8Array,
    value: Uint8Array | null,
    timestampMs: number,
  ): Exclude<VersionPlace, 'expired'> {
    const place = newestKey(key)
    const stored = this.buffer.get(place)
    const newestMs = stored === undefined ? -1 : timestampOf(stored)
    if (stored === undefined || timestampMs > newestMs) {
      const isEndNoted = stored !== undefined && hasValue(stored)
      if (stored !== undefined) {
        this.buffer.put(byteString(versionKey(key, newestMs)), byteString(stored))
      }
      this.buffer.put(byteString(place), encodeVersion(timestampMs, value, isEndNoted))
      return 'latest'
    }
    if (timestampMs < newestMs) {
      this.#insert(key, value, timestampMs, stored)
      return 'late'
    }
    if (value !== null) {
      const isEndNoted = endIsNoted(stored) || !hasValue(stored)
      this.buffer.put(byteString(place), encodeVersion(timestampMs, value, isEndNoted))
    } else if (hasValue(stored)) {
      if (endIsNoted(stored)) {
        this.buffer.put(byteString(place), encodeVersion(timestampMs, null, false))
      } else {
        this.#forget(key, newestMs)
      }
    }
    return 'latest'
  }

  /** Before the latest version, which is the one that is stored. */
  #insert(
    key: Uint8Array,
    value: Uint8Array | null,
    timestampMs: number,
    stored: Uint8Array,
  ): void {
    const newestMs = timestampOf(stored)
    const noted = hasValue(stored) && !endIsNoted(stored) ? withEndNoted(stored) : undefined
    this.buffer.put(
      byteString(versionKey(key, timestampMs)),
      encodeVersion(timestampMs, value, true),
    )
    // What was put ends where the next one begins.
    if (noted === undefined || this.#hasBetween(key, timestampMs, newestMs)) return
    this.buffer.put(byteString(newestKey(key)), noted)
  }

  #hasBetween(key: Uint8Array, afterMs: number, beforeMs: number): boolean {
    const [from, to] = [versionKey(key, afterMs + 1), versionKey(key, beforeMs)]
    for (const _ of this.buffer.range(from, to, 'forward')) return true
    return false
  }

  /** The latest one leaves no trace: what was before it, a deletion if anything, is the latest. */
  #forget(key: Uint8Array, newestMs: number): void {
    const place = byteString(newestKey(key))
    const stored = this.before(key, newestMs - 1)
    if (stored === undefined) {
      this.buffer.put(place, null)
      return
    }
    const moved = byteString(versionKey(key, timestampOf(stored)))
    this.buffer.put(place, byteString(stored))
    this.buffer.put(moved, null)
  }
}
