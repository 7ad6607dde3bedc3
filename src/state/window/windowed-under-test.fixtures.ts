import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RecordMeta } from '../../core/record-meta.ts'
import type { ByteEntry, StateBackend } from '../backend.ts'
import { compareBytes } from '../byte-order.ts'
import type { KeyValueStoreContext } from '../key-value/key-value-store.ts'
import { openLmdbBackend } from '../lmdb/lmdb-backend.ts'
import { memoryBackend } from '../memory/memory-backend.ts'
import type { StoreHandle } from '../store.ts'

export interface Kind {
  readonly backend: 'lmdb' | 'memory'
  readonly cacheMaxBytes: number
}

interface Logged {
  readonly key: Buffer
  readonly value: Buffer | null
  readonly timestampMs: number
}

type Open<S> = (context: KeyValueStoreContext) => StoreHandle & { readonly store: S }

/** A store with a retention and what the runtime does to it: commits, checkpoints, restarts. */
export class WindowedUnderTest<S> implements AsyncDisposable {
  readonly log: Logged[] = []
  readonly meta = new RecordMeta()
  readonly #kind: Kind
  readonly #open: Open<S>
  readonly #directory: string | undefined
  #backend: StateBackend
  #handle: StoreHandle & { readonly store: S }

  static async open<S>(kind: Kind, open: Open<S>): Promise<WindowedUnderTest<S>> {
    const directory =
      kind.backend === 'lmdb' ? await mkdtemp(join(tmpdir(), 'millrace-windows-')) : undefined
    return new WindowedUnderTest(kind, open, directory)
  }

  private constructor(kind: Kind, open: Open<S>, directory: string | undefined) {
    this.#kind = kind
    this.#open = open
    this.#directory = directory
    this.#backend = this.#openBackend()
    this.#handle = this.#openStore()
  }

  get store(): S {
    return this.#handle.store
  }

  get handle(): StoreHandle {
    return this.#handle
  }

  /** How many rows the local store has, whatever can be seen of them. */
  get localRows(): number {
    return this.#backend.store('windows').approximateCount()
  }

  /** As the task does: flush before the commit, checkpoint after it. */
  commit(): void {
    this.#handle.flush()
    for (const { entries } of this.#handle.checkpoint()) {
      this.#backend.checkpoint([{ store: 'windows', entries, position: this.log.length }])
    }
  }

  /** As `commit`, but of the checkpoint a crash leaves so many rows only. */
  commitInPart(rows: number): void {
    this.#handle.flush()
    const position = this.#backend.position('windows') ?? 0
    for (const slice of this.#handle.checkpoint()) {
      const entries = slice.entries.slice(0, rows)
      this.#backend.checkpoint([{ store: 'windows', entries, position }])
      return
    }
  }

  /** As a standby does: a record of the changelog, written at once. */
  replay({ key, value, timestampMs }: Logged): void {
    const entry = this.#handle.restoredEntry(key, value, timestampMs)
    const entries = entry === undefined ? [] : [entry]
    this.#backend.checkpoint([{ store: 'windows', entries, position: this.log.length }])
  }

  /** What was not checkpointed is lost, and comes back from the changelog. */
  async restart(): Promise<void> {
    this.#handle.close()
    await this.#backend.close()
    this.#backend = this.#openBackend()
    this.#handle = this.#openStore()
    const last = new Map<string, ByteEntry>()
    for (const { key, value, timestampMs } of this.log.slice(
      this.#backend.position('windows') ?? 0,
    )) {
      const entry = this.#handle.restoredEntry(key, value, timestampMs)
      if (entry !== undefined) last.set(key.toString('latin1'), entry)
    }
    const entries = [...last.values()].sort(([a], [b]) => compareBytes(a, b))
    for (const slice of this.#handle.checkpoint()) entries.push(...slice.entries)
    this.#backend.checkpoint([{ store: 'windows', entries, position: this.log.length }])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#handle.close()
    await this.#backend.close()
    if (this.#directory !== undefined) await rm(this.#directory, { recursive: true })
  }

  #openBackend(): StateBackend {
    return this.#directory === undefined ? memoryBackend() : openLmdbBackend(this.#directory)
  }

  #openStore(): StoreHandle & { readonly store: S } {
    return this.#open({
      bytes: this.#backend.store('windows'),
      changelog: {
        append: (key, value, timestampMs) =>
          this.log.push({
            key: Buffer.from(key),
            value: value === null ? null : Buffer.from(value),
            timestampMs,
          }),
      },
      meta: this.meta,
      cacheMaxBytes: this.#kind.cacheMaxBytes,
      readCacheMaxBytes: 100_000,
    })
  }
}
