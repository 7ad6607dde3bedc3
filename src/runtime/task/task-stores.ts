import { StreamsError } from '../../core/errors.ts'
import type { Clock } from '../../core/clock.ts'
import { noHeaders, type Offset } from '../../core/record.ts'
import type { RecordMeta } from '../../core/record-meta.ts'
import type { ByteEntry, StateBackend, StoreBatch } from '../../state/backend.ts'
import { changelogTopic } from '../../state/changelog/changelog-topic.ts'
import { expiringStore } from '../../state/key-value/expiring-store.ts'
import {
  openKeyValueStore,
  type KeyValueStoreContext,
} from '../../state/key-value/key-value-store.ts'
import { openTimerStore } from '../../state/timers/open-timer-store.ts'
import { openVersionedStore } from '../../state/versioned/open-versioned-store.ts'
import { openSessionStore, openWindowStore } from '../../state/window/open-window-store.ts'
import type { Serde } from '../../serde/serde.ts'
import type { StoreSpec } from '../../state/store-spec.ts'
import type {
  ChangelogWriter,
  CheckpointSlice,
  KeyValueStore,
  ReadCounts,
  StoreHandle,
} from '../../state/store.ts'
import { isVersioned } from '../../state/versioned-store.ts'
import type { TimerStore } from '../../state/timer-store.ts'
import { logsIdentity } from './identities.ts'
import type { RecordCollector } from './record-collector.ts'

/** Small stores share a transaction until it has so many rows. */
const SLICE_ROWS_MIN = 1_024

export interface TaskStoresOptions {
  readonly applicationId: string
  readonly partition: number
  readonly specs: readonly StoreSpec[]
  /** The task's local storage of that kind, opened on first use. */
  readonly backend: (kind: StoreSpec['backend']) => StateBackend
  readonly collector: RecordCollector
  readonly meta: RecordMeta
  readonly cacheMaxBytes: number
  readonly readCacheMaxBytes: number
  readonly clock: Clock
  readonly streamTimeMs: () => number
}

interface OpenStore {
  readonly spec: StoreSpec
  readonly handle: StoreHandle
  /** What steps and queries are given: the handle's, or less of it. */
  readonly store: KeyValueStore<never, never>
  readonly backend: StateBackend
  readonly changelog: string | undefined
  /** See {@link TaskStores.trust}; empty until then, as for a state that nobody asked about. */
  origin: string
}

interface StoreCheckpoint {
  readonly store: string
  readonly backend: StateBackend
  /** Where the checkpoint brings the store. */
  readonly position: Offset
  readonly origin: string
  readonly slices: Iterator<CheckpointSlice, undefined>
}

/** How much a store holds, and how it is read. */
export interface StoreVitals {
  readonly store: string
  readonly kind: StoreSpec['kind']
  /** About so many, as a range of the store's own kind has them. */
  readonly rows: number
  /** In memory and not in the local storage yet. */
  readonly dirtyBytes: number
  /** Since the task was opened; undefined where it is not counted. */
  readonly reads: Readonly<ReadCounts> | undefined
}

/** A changelog partition to replay before the task may run. */
export interface Restoration {
  readonly store: string
  readonly topic: string
  readonly partition: number
  /** Everything before it is in the local store; undefined: nothing is. */
  readonly position: Offset | undefined
}

/** The open stores of one task. What is not yet committed in Kafka lives in memory only. */
export class TaskStores {
  readonly #stores = new Map<string, OpenStore>()
  readonly #partition: number
  /** Which changelogs they have, as far as it is known. */
  #logs = ''
  /** What the checkpoint under way still has to write. */
  readonly #checkpointing: StoreCheckpoint[] = []

  constructor(options: TaskStoresOptions) {
    this.#partition = options.partition
    for (const spec of options.specs) this.#stores.set(spec.name, this.#open(spec, options))
  }

  #open(spec: StoreSpec, options: TaskStoresOptions): OpenStore {
    const { collector, partition, meta } = options
    const backend = options.backend(spec.backend)
    const topic = spec.logged ? changelogTopic(options.applicationId, spec.name) : undefined
    const changelog: ChangelogWriter | undefined =
      topic === undefined
        ? undefined
        : {
            append: (key, value, timestampMs) =>
              collector.send(topic, partition, timestampMs, key, value, noHeaders),
          }
    const handle = openStore(spec, {
      bytes: backend.store(spec.name),
      changelog,
      meta,
      cacheMaxBytes: options.cacheMaxBytes,
      readCacheMaxBytes: options.readCacheMaxBytes,
    })
    const store = expiring(spec, handle.store, options)
    return { spec, handle, store, backend, changelog: topic, origin: '' }
  }

  get names(): readonly string[] {
    return [...this.#stores.keys()]
  }

  store<K, V>(name: string): KeyValueStore<K, V> {
    return this.#find(name).store as unknown as KeyValueStore<K, V>
  }

  timers<K>(name: string): TimerStore<K> {
    const { spec, handle } = this.#find(name)
    if (spec.kind === 'timers') return handle.store as unknown as TimerStore<K>
    throw new StreamsError('STORE_MISSING', {
      message: `store "${name}" is no store of timers`,
      hint: 'Declare it with timerStore(…), or by its name in the options of the step.',
    })
  }

  /**
   * A value by the key's bytes, as the store's serde writes it; for queries from outside. As of a
   * time, of a store of versions.
   */
  findBytes(
    name: string,
    key: Uint8Array,
    asOfMs?: number,
  ): { readonly value: Uint8Array; readonly timestampMs: number } | undefined {
    const { spec } = this.#find(name)
    const store = this.store<unknown, unknown>(name)
    const given = spec.key.deserialize(key)
    const found =
      asOfMs !== undefined && isVersioned(store)
        ? store.getWithTimestamp(given, asOfMs)
        : store.getWithTimestamp(given)
    if (found === undefined) return undefined
    const value = (spec.value as Serde<unknown>).serialize(found.value)
    return { value, timestampMs: found.timestampMs }
  }

  /**
   * Wipes what the local storage holds of another generation, in another layout, or of a changelog
   * that was deleted and created again under its name: its position says nothing about this one.
   * Returns the names of those stores. `topicIds` are by topic; a cluster without ids has empty
   * ones.
   */
  trust(generation: string, topicIds: ReadonlyMap<string, string>): readonly string[] {
    const wiped: string[] = []
    this.#logs = this.logsAmong(topicIds)
    for (const [store, open] of this.#stores) {
      const { backend, changelog, spec } = open
      const topicId = changelog === undefined ? '' : (topicIds.get(changelog) ?? '')
      const parts = [generation, topicId, layoutOf(spec)]
      open.origin = parts.filter((part) => part !== '').join('/')
      if (backend.position(store) === undefined) continue
      if ((backend.origin(store) ?? '') === open.origin) continue
      backend.wipe(store)
      wiped.push(store)
    }
    return wiped
  }

  /** See `logsIdentity`; empty until the stores are trusted. */
  get logs(): string {
    return this.#logs
  }

  /** Which changelogs they would have: topic ids by topic. */
  logsAmong(topicIds: ReadonlyMap<string, string>): string {
    const logged = this.restorations().map(
      ({ topic }) => [topic, topicIds.get(topic) ?? ''] as const,
    )
    return logsIdentity(new Map(logged))
  }

  restorations(): readonly Restoration[] {
    return [...this.#stores].flatMap(([store, { changelog, backend }]) =>
      changelog === undefined
        ? []
        : [
            {
              store,
              topic: changelog,
              partition: this.#partition,
              position: backend.position(store),
            },
          ],
    )
  }

  /**
   * Replayed changelog records, each key once and sorted, with the position they bring it to; none
   * where the store has replayed them itself.
   */
  restore(store: string, entries: readonly ByteEntry[], position: Offset): void {
    const { handle, backend, origin } = this.#find(store)
    const replayed = [...handle.checkpoint()].flatMap((slice) => slice.entries)
    const batch = { store, entries: replayed.length > 0 ? replayed : entries, position, origin }
    backend.checkpoint([batch])
  }

  /** Of a store that only follows its changelog: lets expired rows go, as a commit would. */
  tidy(store: string, position: Offset): void {
    const { handle } = this.#find(store)
    handle.flush()
    if (handle.dirtyBytes() > 0) this.restore(store, [], position)
  }

  restoredEntry(
    store: string,
    key: Uint8Array,
    value: Uint8Array | null,
    timestampMs: number,
  ): ByteEntry | undefined {
    return this.#find(store).handle.restoredEntry(key, value, timestampMs)
  }

  /** The local copy cannot be trusted: start again from nothing. */
  wipe(store: string): void {
    const { handle, backend } = this.#find(store)
    handle.close()
    backend.wipe(store)
  }

  flush(): void {
    for (const { handle } of this.#stores.values()) handle.flush()
  }

  /** For who watches. */
  sizes(): readonly StoreVitals[] {
    return [...this.#stores].map(([store, { handle, spec }]) => ({
      store,
      kind: spec.kind,
      rows: handle.store.approximateCount(),
      dirtyBytes: handle.dirtyBytes(),
      reads: handle.reads && { ...handle.reads },
    }))
  }

  /** Of all stores, in files. */
  diskBytes(): number {
    const backends = new Set([...this.#stores.values()].map(({ backend }) => backend))
    return [...backends].reduce((sum, backend) => sum + backend.diskBytes(), 0)
  }

  dirtyBytes(): number {
    let bytes = 0
    for (const { handle } of this.#stores.values()) bytes += handle.dirtyBytes()
    return bytes
  }

  /**
   * Right after a commit, before any further change: all that is dirty is now committed in Kafka
   * and will go to the local stores, by `writeSlice`.
   */
  beginCheckpoint(endOffset: (topic: string, partition: number) => Offset | undefined): void {
    for (const [store, { handle, backend, changelog, origin }] of this.#stores) {
      // A producer that wrote here before the task moved away and back knows an older end.
      const end = changelog === undefined ? 0 : (endOffset(changelog, this.#partition) ?? -1)
      const position = Math.max(end, backend.position(store) ?? -1)
      if (position < 0) continue
      this.#checkpointing.push({ store, backend, position, origin, slices: handle.checkpoint() })
    }
  }

  get isCheckpointing(): boolean {
    return this.#checkpointing.length > 0
  }

  /**
   * Writes the next part of the checkpoint that was begun: some milliseconds' worth, in one local
   * transaction for each kind of storage. Until its last part a store keeps its old position: what
   * it has beyond that, its changelog brings once more.
   */
  writeSlice(): void {
    const batches = new Map<StateBackend, StoreBatch[]>()
    const ended: StoreCheckpoint[] = []
    for (let rows = 0; rows < SLICE_ROWS_MIN;) {
      const next = this.#checkpointing[0]
      const slice = next?.slices.next().value
      if (next === undefined || slice === undefined) break
      const { store, backend, position, origin } = next
      const { entries, isLast } = slice
      const reached = isLast ? position : (backend.position(store) ?? 0)
      const batch = { store, entries, position: reached, origin }
      batches.set(backend, [...(batches.get(backend) ?? []), batch])
      rows += entries.length
      if (!isLast) break
      ended.push(next)
      this.#checkpointing.shift()
    }
    for (const [backend, stores] of batches) backend.checkpoint(stores)
    // To ask for more is to say that it is written.
    for (const { slices } of ended) slices.next()
  }

  close(): void {
    this.#checkpointing.length = 0
    for (const { handle } of this.#stores.values()) handle.close()
  }

  #find(name: string): OpenStore {
    const found = this.#stores.get(name)
    if (found !== undefined) return found
    throw new StreamsError('STORE_MISSING', {
      message: `there is no store "${name}" in this task`,
      hint: 'Name the store where the step is added, and add it to the topology.',
    })
  }
}

/** How rows lie on the disk, where there are several ways; a changelog knows one only. */
const layoutOf = (spec: StoreSpec): string =>
  spec.kind === 'window' || spec.kind === 'session' ? `${spec.kind}s by ${spec.groupMs} ms` : ''

function openStore(spec: StoreSpec, context: KeyValueStoreContext): StoreHandle {
  switch (spec.kind) {
    case 'key-value':
      return openKeyValueStore(spec, context)
    case 'window':
      return openWindowStore(spec, context)
    case 'session':
      return openSessionStore(spec, context)
    case 'versioned':
      return openVersionedStore(spec, context)
    case 'timers':
      return openTimerStore(spec, context)
  }
}

/** Without the rows whose time is over, where the store says how long they live. */
function expiring(
  spec: StoreSpec,
  store: KeyValueStore<never, never>,
  { clock, streamTimeMs }: TaskStoresOptions,
): KeyValueStore<never, never> {
  if (spec.kind !== 'key-value' || spec.ttl === undefined) return store
  const { afterMs, clock: by } = spec.ttl
  const isWallClock = by === 'wall-clock'
  return expiringStore(store, {
    afterMs,
    nowMs: isWallClock ? clock.nowMs : streamTimeMs,
    writtenAtMs: isWallClock ? clock.nowMs : undefined,
  })
}
