import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RecordMeta } from '../../core/record-meta.ts'
import { json } from '../../serde/json.ts'
import type { Serde } from '../../serde/serde.ts'
import type { ByteStore, StateBackend } from '../backend.ts'
import { openLmdbBackend } from '../lmdb/lmdb-backend.ts'
import { memoryBackend } from '../memory/memory-backend.ts'
import type { CheckpointSlice } from '../store.ts'
import type { KeyTimer, TimerStore } from '../timer-store.ts'
import { openTimerStore } from './open-timer-store.ts'

const NAME = 'timers'

/** A timer store with what the runtime does to it: commits, checkpoints, restarts. */
export class TimersUnderTest<K> implements AsyncDisposable {
  /** The changelog. */
  readonly log: { readonly key: Uint8Array; readonly value: Uint8Array | null }[] = []
  readonly meta = new RecordMeta()
  /** By ranges, from the backend. */
  rowsRead = 0
  readonly #key: Serde<K>
  readonly #directory: string | undefined
  #backend: StateBackend
  #handle: ReturnType<typeof openTimerStore<K>>
  #slices: Iterator<CheckpointSlice, undefined> | undefined
  #committed = 0

  static async open<K>(kind: 'memory' | 'lmdb', key: Serde<K>): Promise<TimersUnderTest<K>> {
    const directory =
      kind === 'lmdb' ? await mkdtemp(join(tmpdir(), 'millrace-timers-')) : undefined
    return new TimersUnderTest(key, directory)
  }

  private constructor(key: Serde<K>, directory: string | undefined) {
    this.#key = key
    this.#directory = directory
    this.#backend = this.#openBackend()
    this.#handle = this.#openStore()
  }

  get store(): TimerStore<K> {
    return this.#handle.store
  }

  get backend(): StateBackend {
    return this.#backend
  }

  dirtyBytes(): number {
    return this.#handle.dirtyBytes()
  }

  /** A commit, and all of a checkpoint. */
  commit(): void {
    this.beginCheckpoint()
    while (this.writeSlice());
  }

  /** A commit, and the beginning of a checkpoint. */
  beginCheckpoint(): void {
    this.#handle.flush()
    while (this.writeSlice());
    this.#committed = this.log.length
    this.#slices = this.#handle.checkpoint()
  }

  /** False at the end of the checkpoint. */
  writeSlice(): boolean {
    const slice = this.#slices?.next().value
    if (slice === undefined) return false
    const position = slice.isLast ? this.#committed : (this.#backend.position(NAME) ?? 0)
    this.#backend.checkpoint([{ store: NAME, entries: slice.entries, position }])
    return true
  }

  /** What is not committed is lost; the rest comes back from disk and from the changelog. */
  async restart(from: 'disk and changelog' | 'changelog' = 'disk and changelog'): Promise<void> {
    this.#slices = undefined
    this.#handle.close()
    this.log.length = this.#committed
    if (from === 'changelog') this.#backend.wipe(NAME)
    await this.#backend.close()
    this.#backend = this.#openBackend()
    this.#handle = this.#openStore()
    for (const { key, value } of this.log.slice(this.#backend.position(NAME) ?? 0)) {
      this.#handle.restoredEntry(key, value, 0)
    }
    for (const { entries } of this.#handle.checkpoint()) {
      this.#backend.checkpoint([{ store: NAME, entries, position: this.log.length }])
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#handle.close()
    await this.#backend.close()
    if (this.#directory !== undefined) await rm(this.#directory, { recursive: true })
  }

  #openBackend(): StateBackend {
    return this.#directory === undefined ? memoryBackend() : openLmdbBackend(this.#directory)
  }

  #counting(bytes: ByteStore): ByteStore {
    const count = (): void => void this.rowsRead++
    return {
      get: (key) => bytes.get(key),
      approximateCount: () => bytes.approximateCount(),
      *range(from, to, direction) {
        for (const row of bytes.range(from, to, direction)) {
          count()
          yield row
        }
      },
    }
  }

  #openStore(): ReturnType<typeof openTimerStore<K>> {
    return openTimerStore(
      {
        kind: 'timers',
        waiting: undefined,
        name: NAME,
        key: this.#key,
        value: json<readonly KeyTimer[]>(),
        backend: 'memory',
        logged: true,
        changelogConfigs: {},
        cached: false,
      },
      {
        bytes: this.#counting(this.#backend.store(NAME)),
        changelog: {
          append: (key, value) => {
            this.log.push({ key: Buffer.from(key), value: value && Buffer.from(value) })
          },
        },
        meta: this.meta,
        cacheMaxBytes: 0,
        readCacheMaxBytes: 0,
      },
    )
  }
}
