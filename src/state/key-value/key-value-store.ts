import { derivedWrites } from '../derived-writes.ts'
import type { RecordMeta } from '../../core/record-meta.ts'
import { prefixEnd, successor } from '../byte-order.ts'
import type { ByteStore } from '../backend.ts'
import type { KeyValueStoreSpec } from '../store-spec.ts'
import type { ChangelogWriter, KeyValue, KeyValueStore, StoreHandle } from '../store.ts'
import { RecordCache } from './record-cache.ts'
import { Rows } from './rows.ts'

export interface KeyValueStoreContext {
  readonly bytes: ByteStore
  /** Undefined where the store is not logged. */
  readonly changelog: ChangelogWriter | undefined
  /** Gives the timestamp of a put that names none; a flush shows each update's own record in it. */
  readonly meta: RecordMeta
  /** Updates that may wait for a flush, in bytes of the heap; 0: none does, cached or not. */
  readonly cacheMaxBytes: number
  /** Rows kept as objects, in bytes of the heap. */
  readonly readCacheMaxBytes: number
}

/** A key-value store at work: for operators and queries its `store`, the rest for the runtime. */
export function openKeyValueStore<K, V>(
  spec: KeyValueStoreSpec<K, V>,
  context: KeyValueStoreContext,
): StoreHandle & { readonly store: KeyValueStore<K, V> } {
  const readCacheMaxBytes = spec.readCached === false ? 0 : context.readCacheMaxBytes
  const rows: Rows<K, V> = new Rows(spec, { ...context, readCacheMaxBytes }, () =>
    cache?.useTexts(),
  )
  const cache =
    spec.cached && context.cacheMaxBytes > 0
      ? new RecordCache(rows, context.meta, context.cacheMaxBytes)
      : undefined
  const handle: Omit<StoreHandle, 'store'> & { readonly store: KeyValueStore<K, V> } = {
    name: spec.name,
    store: keyValueStore(spec.name, rows, cache, context.meta),
    flush: () => {
      rows.restored()
      cache?.flush()
    },
    reads: rows.reads,
    dirtyBytes: () => rows.buffer.dirtyBytes() + (cache?.pendingBytes() ?? 0),
    checkpoint: () => rows.buffer.checkpoint(),
    restoredEntry: (key, value, timestampMs) => rows.restoredEntry(key, value, timestampMs),
    close: () => {
      cache?.clear()
      rows.clear()
    },
  }
  // The runtime holds handles of stores of any type: in `StoreHandle` the store is typed for none.
  return handle as unknown as StoreHandle & { readonly store: KeyValueStore<K, V> }
}

function keyValueStore<K, V>(
  name: string,
  rows: Rows<K, V>,
  cache: RecordCache<K, V> | undefined,
  meta: RecordMeta,
): KeyValueStore<K, V> {
  const layer = cache ?? rows
  const between = (
    from: K | null,
    to: K | null,
    direction: 'forward' | 'backward',
  ): IterableIterator<KeyValue<K, V>> =>
    layer.range(
      from === null ? null : rows.keys.encode(from),
      to === null ? null : successor(rows.keys.encode(to)),
      direction,
    )
  const get = (key: K): V | undefined => layer.read(key).value
  const put = (key: K, value: V | null, timestampMs = meta.timestampMs): void =>
    layer.write(key, value, timestampMs)
  return {
    name,
    get,
    getWithTimestamp: (key) => {
      const { value, timestampMs } = layer.read(key)
      return value === undefined ? undefined : { value, timestampMs }
    },
    range: (from, to) => between(from, to, 'forward'),
    reverseRange: (from, to) => between(from, to, 'backward'),
    prefixScan: (prefix) => layer.range(prefix, prefixEnd(prefix), 'forward'),
    all: () => layer.range(null, null, 'forward'),
    approximateCount: layer.approximateCount,
    put,
    ...derivedWrites(get, put),
    onFlush: (listener) => {
      if (cache !== undefined) cache.listener = listener
      return cache !== undefined
    },
  }
}
