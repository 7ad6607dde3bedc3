import { derivedWrites } from '../derived-writes.ts'
import type { KeyValueStoreContext } from '../key-value/key-value-store.ts'
import type { VersionedStoreSpec } from '../store-spec.ts'
import type { StoreHandle, ValueAndTimestamp } from '../store.ts'
import type { VersionedStore } from '../versioned-store.ts'
import { afterKey, localPrefix } from './version-layout.ts'
import { VersionedValues } from './versioned-values.ts'

/** A versioned store at work: for operators and queries its `store`, the rest for the runtime. */
export function openVersionedStore<K, V>(
  spec: VersionedStoreSpec<K, V>,
  context: KeyValueStoreContext,
): StoreHandle & { readonly store: VersionedStore<K, V> } {
  const values = new VersionedValues(spec, context)
  const { buffer } = values.rows
  const handle: Omit<StoreHandle, 'store'> & { readonly store: VersionedStore<K, V> } = {
    name: spec.name,
    store: versionedStore(spec.name, values, context),
    flush: () => values.flush(),
    dirtyBytes: () => buffer.dirtyBytes(),
    checkpoint: () => {
      values.save(context.meta)
      return buffer.checkpoint()
    },
    restoredEntry: (key, value, timestampMs) => {
      values.restore(key, value, timestampMs)
      return undefined
    },
    close: () => values.clear(),
  }
  // The runtime holds handles of stores of any type: in `StoreHandle` the store is typed for none.
  return handle as unknown as StoreHandle & { readonly store: VersionedStore<K, V> }
}

function versionedStore<K, V>(
  name: string,
  values: VersionedValues<K, V>,
  { meta }: KeyValueStoreContext,
): VersionedStore<K, V> {
  const between = (from: K | null, to: K | null, direction: 'forward' | 'backward') =>
    values.range(
      from === null ? null : localPrefix(values.encodeKey(from)),
      to === null ? null : afterKey(values.encodeKey(to)),
      direction,
    )
  const find = (key: K, asOfMs?: number): ValueAndTimestamp<V> | undefined =>
    asOfMs === undefined ? values.latest(key) : values.at(key, asOfMs)
  const get = (key: K, asOfMs?: number): V | undefined => find(key, asOfMs)?.value
  const put = (key: K, value: V | null, timestampMs = meta.timestampMs) =>
    values.put(key, value, timestampMs)
  return {
    name,
    get,
    getWithTimestamp: find,
    versions: (key, fromMs = 0, toMs = Infinity) => values.versions(key, fromMs, toMs),
    range: (from, to) => between(from, to, 'forward'),
    reverseRange: (from, to) => between(from, to, 'backward'),
    prefixScan: (prefix) => values.startingWith(prefix),
    all: () => between(null, null, 'forward'),
    approximateCount: values.rows.buffer.approximateCount,
    ...derivedWrites(get, put),
    put,
    delete: (key, timestampMs = meta.timestampMs) => {
      const old = get(key, timestampMs)
      return put(key, null, timestampMs) === 'expired' ? undefined : old
    },
    // Each version counts: none is held back to be replaced by the next one.
    onFlush: () => false,
  }
}
