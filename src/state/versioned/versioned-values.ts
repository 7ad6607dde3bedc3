import { StreamsError } from '../../core/errors.ts'
import type { RecordMeta } from '../../core/record-meta.ts'
import { prefixEnd } from '../byte-order.ts'
import { byteString } from '../byte-string.ts'
import { KeySpace, type Identity } from '../key-value/key-space.ts'
import type { KeyValueStoreContext } from '../key-value/key-value-store.ts'
import { ObjectCache } from '../key-value/object-cache.ts'
import { heapBytes } from '../key-value/rows.ts'
import { decodeValue, encodeValue, owned } from '../key-value/store-values.ts'
import type { VersionedStoreSpec } from '../store-spec.ts'
import type { ChangelogWriter, KeyValue, ValueAndTimestamp } from '../store.ts'
import type { Version, VersionPlace } from '../versioned-store.ts'
import { SavedProgress } from '../window/saved-progress.ts'
import { hasValue, timestampOf, valueOf } from './stored-version.ts'
import { Sweep } from './sweep.ts'
import { isNewest, keyAt, localPrefix } from './version-layout.ts'
import { VersionRows } from './version-rows.ts'

/** What a kept version takes beside key and value. A guess, from rows of a key-value store. */
const KEPT_OVERHEAD_BYTES = 120

/** The latest version of a key, or its deletion, as an object. */
interface Latest<V> {
  readonly value: V | undefined
  readonly timestampMs: number
  readonly bytes: number
}

/** The versions of a store as objects: what is put is serialised once, latest ones are kept. */
export class VersionedValues<K, V> {
  readonly rows: VersionRows
  readonly #spec: VersionedStoreSpec<K, V>
  readonly #changelog: ChangelogWriter | undefined
  readonly #keys: KeySpace<K>
  readonly #latest: ObjectCache<Latest<V>>
  readonly #saved: SavedProgress
  readonly #sweep: Sweep
  /** As in Rows: meanwhile nothing is kept of what is read. */
  #isRestoring = false

  constructor(spec: VersionedStoreSpec<K, V>, context: KeyValueStoreContext) {
    this.#spec = spec
    this.#changelog = context.changelog
    this.rows = new VersionRows(context.bytes)
    this.#latest = new ObjectCache(context.readCacheMaxBytes, ({ bytes }) => bytes)
    this.#keys = new KeySpace(spec.name, spec.key, () => this.#latest.clear())
    // Restored records say how far the store has come: the changelog needs no row for it.
    this.#saved = new SavedProgress(this.rows.buffer, undefined, undefined)
    this.#sweep = new Sweep(this.rows.buffer, spec.historyMs)
  }

  /** Where the history begins: nothing is put before it. */
  get #horizonMs(): number {
    return this.#saved.observedMs - this.#spec.historyMs
  }

  /** The latest version. */
  latest(key: K): ValueAndTimestamp<V> | undefined {
    return present(this.#newest(key))
  }

  /** The version that held at a time. */
  at(key: K, asOfMs: number): ValueAndTimestamp<V> | undefined {
    const newest = this.#newest(key)
    if (newest.timestampMs <= asOfMs) return present(newest)
    if (asOfMs < this.#horizonMs) return undefined
    const stored = this.rows.before(this.#keys.encode(key), asOfMs)
    if (stored === undefined || !hasValue(stored)) return undefined
    const timestampMs = timestampOf(stored)
    return { value: this.#decode(stored), timestampMs }
  }

  *versions(key: K, fromMs: number, toMs: number): Generator<Version<V>, undefined> {
    const bytes = Buffer.from(this.#keys.encode(key))
    const newest = this.rows.newest(bytes)
    if (newest === undefined) return
    let startMs = Math.max(0, Math.ceil(fromMs), this.#horizonMs)
    if (timestampOf(newest) <= startMs) {
      startMs = timestampOf(newest)
    } else {
      const first = this.rows.before(bytes, startMs)
      if (first !== undefined) startMs = timestampOf(first)
    }
    let version: ValueAndTimestamp<V> | undefined
    for (const stored of this.rows.from(bytes, startMs)) {
      const timestampMs = timestampOf(stored)
      const value = hasValue(stored) ? this.#decode(stored) : undefined
      if (version !== undefined) yield { ...version, validToMs: timestampMs }
      if (timestampMs > toMs) return
      version = value === undefined ? undefined : { value, timestampMs }
    }
    if (version !== undefined) yield { ...version, validToMs: undefined }
  }

  /** The latest versions, by the bytes of local keys; `from` inclusive, `to` exclusive. */
  *range(
    from: Uint8Array | null,
    to: Uint8Array | null,
    direction: 'forward' | 'backward',
  ): Generator<KeyValue<K, V>, undefined> {
    for (const [local, stored] of this.rows.buffer.range(from, to, direction)) {
      if (!isNewest(local) || !hasValue(stored)) continue
      yield [this.#keys.decode(keyAt(local)), this.#decode(stored)]
    }
  }

  startingWith(prefix: Uint8Array): Generator<KeyValue<K, V>, undefined> {
    const from = localPrefix(prefix)
    return this.range(from, prefixEnd(from), 'forward')
  }

  encodeKey(key: K): Uint8Array {
    return this.#keys.encode(key)
  }

  /** Null deletes. Where it throws, nothing has changed. */
  put(key: K, value: V | null, timestampMs: number): VersionPlace {
    if (!Number.isSafeInteger(timestampMs) || timestampMs < 0) throw noTime(this.#spec, timestampMs)
    if (timestampMs < this.#horizonMs) return 'expired'
    // A serde may use its buffer again.
    const keyBytes = Buffer.from(this.#keys.encode(key))
    const valueBytes = value === null ? null : encodeValue(this.#spec, value)
    this.#changelog?.append(keyBytes, valueBytes, timestampMs)
    this.#isRestoring = false
    const place = this.#place(keyBytes, valueBytes, timestampMs)
    if (place === 'late') {
      this.#logAgain(keyBytes)
    } else {
      const identity = this.#identity(key, keyBytes)
      if (value === null || valueBytes === null) this.#read(identity, keyBytes)
      else this.#keep(identity, keyBytes, owned(value), valueBytes.length, timestampMs)
    }
    return place
  }

  /**
   * Compaction keeps the last record of a key, and a latest version must not be lost: it is the
   * last one always.
   */
  #logAgain(key: Uint8Array): void {
    const stored = this.#changelog === undefined ? undefined : this.rows.newest(key)
    if (stored !== undefined) this.#changelog?.append(key, valueOf(stored), timestampOf(stored))
  }

  /** Replays a record of the changelog. What is in it was not too old when it was put. */
  restore(key: Uint8Array, value: Uint8Array | null, timestampMs: number): void {
    if (!this.#isRestoring) this.#latest.clear()
    this.#isRestoring = true
    this.#place(key, value, timestampMs)
  }

  #place(key: Uint8Array, value: Uint8Array | null, timestampMs: number) {
    const place = this.rows.put(key, value, timestampMs)
    if (timestampMs > this.#saved.observedMs) this.#saved.observedMs = timestampMs
    this.#sweep.afterPut(this.#horizonMs)
    return place
  }

  /** Before a commit. */
  flush(): void {
    this.#isRestoring = false
    this.#sweep.beforeCommit(this.#horizonMs)
  }

  /** Before what is dirty is written: how far the store has come belongs to it. */
  save(meta: RecordMeta): void {
    this.#saved.save(meta)
  }

  clear(): void {
    this.#latest.clear()
    this.rows.buffer.clear()
    this.#saved.forget()
    this.#sweep.reset()
  }

  #newest(key: K): Latest<V> {
    const quick = this.#keys.quick(key)
    const known = quick === undefined ? undefined : this.#latest.get(quick)
    if (known !== undefined) return known
    const bytes = this.#keys.encode(key)
    const identity = this.#keys.identity(key, bytes, byteString(bytes))
    const cached = identity === quick ? undefined : this.#latest.get(identity)
    return cached ?? this.#read(identity, bytes)
  }

  #identity(key: K, bytes: Uint8Array): Identity {
    const quick = this.#keys.quick(key)
    if (quick !== undefined && this.#latest.get(quick) !== undefined) return quick
    return this.#keys.identity(key, bytes, byteString(bytes))
  }

  #read(identity: Identity, key: Uint8Array): Latest<V> {
    const stored = this.rows.newest(key)
    const value = stored !== undefined && hasValue(stored) ? this.#decode(stored) : undefined
    const timestampMs = stored === undefined ? -1 : timestampOf(stored)
    return this.#keep(identity, key, value, stored?.length ?? 0, timestampMs)
  }

  #keep(
    identity: Identity,
    key: Uint8Array,
    value: V | undefined,
    valueBytes: number,
    timestampMs: number,
  ): Latest<V> {
    const bytes = KEPT_OVERHEAD_BYTES + heapBytes(key.length, valueBytes)
    const latest = { value, timestampMs, bytes }
    if (!this.#isRestoring) this.#latest.set(identity, latest)
    return latest
  }

  #decode(stored: Uint8Array): V {
    return decodeValue(this.#spec, Buffer.from(valueOf(stored) ?? []))
  }
}

const present = <V>({ value, timestampMs }: Latest<V>): ValueAndTimestamp<V> | undefined =>
  value === undefined ? undefined : { value, timestampMs }

const noTime = ({ name }: { readonly name: string }, timestampMs: number): StreamsError =>
  new StreamsError('PROCESSING_FAILED', {
    message: `store "${name}" is given a version of ${timestampMs}, which is no timestamp`,
    hint: 'Put with milliseconds since 1970: a whole number from 0.',
  })
