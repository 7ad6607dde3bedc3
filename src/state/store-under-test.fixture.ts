import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noHeaders, type Headers } from '../core/record.ts'
import { RecordMeta } from '../core/record-meta.ts'
import type { Serde } from '../serde/serde.ts'
import type { ByteEntry, StateBackend } from './backend.ts'
import { compareBytes } from './byte-order.ts'
import { openKeyValueStore } from './key-value/key-value-store.ts'
import { openLmdbBackend } from './lmdb/lmdb-backend.ts'
import { memoryBackend } from './memory/memory-backend.ts'
import type { KeyValueStoreSpec } from './store-spec.ts'
import type { KeyValueStore, StoreHandle } from './store.ts'

export interface Logged {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
  readonly timestampMs: number
}

export interface Announced<K, V> {
  readonly key: K
  readonly newValue: V | null
  readonly oldValue: V | null
  readonly timestampMs: number
  readonly headers: Headers
  /** Of the record that the meta showed. */
  readonly offset: number
}

export interface StoreOptions<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly backend: KeyValueStoreSpec['backend']
  readonly cached: boolean
  readonly logged?: boolean
  readonly cacheMaxBytes?: number
  readonly readCacheMaxBytes?: number
  readonly listen?: boolean
}

/** A key-value store with what the runtime does to it: commits, checkpoints, restarts. */
export class StoreUnderTest<K, V> implements AsyncDisposable {
  /** The changelog. */
  readonly log: Logged[] = []
  readonly announced: Announced<K, V>[] = []
  readonly meta = new RecordMeta()
  isCached = false
  readonly #options: StoreOptions<K, V>
  readonly #directory: string | undefined
  #backend: StateBackend
  #handle: StoreHandle & { readonly store: KeyValueStore<K, V> }

  static async open<K, V>(options: StoreOptions<K, V>): Promise<StoreUnderTest<K, V>> {
    const directory =
      options.backend === 'lmdb' ? await mkdtemp(join(tmpdir(), 'millrace-store-')) : undefined
    return new StoreUnderTest(options, directory)
  }

  private constructor(options: StoreOptions<K, V>, directory: string | undefined) {
    this.#options = options
    this.#directory = directory
    this.#backend = this.#openBackend()
    this.#handle = this.#openStore()
  }

  get store(): KeyValueStore<K, V> {
    return this.#handle.store
  }

  get handle(): StoreHandle {
    return this.#handle
  }

  get backend(): StateBackend {
    return this.#backend
  }

  /** What the task does before it processes a record. */
  process(offset: number, timestampMs: number, headers: Headers = noHeaders): void {
    this.meta.from('orders', 0, offset)
    this.meta.at(null, timestampMs, headers)
  }

  checkpoint(): void {
    for (const { entries } of this.#handle.checkpoint()) {
      this.#backend.checkpoint([{ store: 'totals', entries, position: this.log.length }])
    }
  }

  /** All that is in memory is lost; the rest comes back from disk and from the changelog. */
  async restart(): Promise<void> {
    this.#handle.close()
    await this.#backend.close()
    this.#backend = this.#openBackend()
    this.#handle = this.#openStore()
    const last = new Map<string, ByteEntry>()
    for (const { key, value, timestampMs } of this.log.slice(
      this.#backend.position('totals') ?? 0,
    )) {
      last.set(
        Buffer.from(key).toString('latin1'),
        this.#handle.restoredEntry(key, value, timestampMs)!,
      )
    }
    const entries = [...last.values()].sort(([a], [b]) => compareBytes(a, b))
    this.#backend.checkpoint([{ store: 'totals', entries, position: this.log.length }])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#handle.close()
    await this.#backend.close()
    if (this.#directory !== undefined) await rm(this.#directory, { recursive: true })
  }

  #openBackend(): StateBackend {
    return this.#directory === undefined ? memoryBackend() : openLmdbBackend(this.#directory)
  }

  #openStore(): StoreHandle & { readonly store: KeyValueStore<K, V> } {
    const { key, value, backend, cached, logged = true } = this.#options
    const handle = openKeyValueStore(
      {
        kind: 'key-value',
        name: 'totals',
        key,
        value,
        backend,
        logged,
        changelogConfigs: {},
        cached,
      },
      {
        bytes: this.#backend.store('totals'),
        changelog: logged
          ? {
              append: (bytes, row, timestampMs) =>
                this.log.push({
                  key: Buffer.from(bytes),
                  value: row === null ? null : Buffer.from(row),
                  timestampMs,
                }),
            }
          : undefined,
        meta: this.meta,
        cacheMaxBytes: this.#options.cacheMaxBytes ?? 1_000_000,
        readCacheMaxBytes: this.#options.readCacheMaxBytes ?? 1_000_000,
      },
    )
    if (this.#options.listen !== false) this.#listen(handle.store)
    return handle
  }

  #listen(store: KeyValueStore<K, V>): void {
    this.isCached = store.onFlush((key, newValue, oldValue, timestampMs, headers) => {
      const { offset } = this.meta
      this.announced.push({ key, newValue, oldValue, timestampMs, headers, offset })
    })
  }
}
