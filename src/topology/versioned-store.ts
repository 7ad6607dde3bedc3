import { durationMs, type Duration } from '../core/duration.ts'
import type { VersionedStoreSpec } from '../state/store-spec.ts'
import type { AnyStoreOption, KeyValueStoreOptions, StoreOption } from './key-value-store.ts'
import { checkKafkaName } from './names.ts'
import type { SerdeFor } from './serde-for.ts'

export type { VersionedStoreSpec }

/** Of a store that knows what its rows were. */
export interface VersionedStoreOptions<K, V> extends Omit<KeyValueStoreOptions<K, V>, 'cached'> {
  /**
   * How far back a version can be asked for, and put, in event time: what comes later than that is
   * left out. The latest version of a key stays for ever.
   */
  readonly history: Duration
}

/** A versioned store that can keep these keys and values. */
export interface VersionedStoreFor<in K, in V> extends Omit<VersionedStoreSpec, 'key' | 'value'> {
  readonly key: SerdeFor<K>
  readonly value: SerdeFor<V>
}

/** A versioned store of any key and value. */
export type AnyVersionedStoreSpec = VersionedStoreFor<never, never>

/** Where a table is kept: a name, or a store with settings of its own, which may keep versions. */
export type TableStoreOption<K, V> = StoreOption<K, V> | VersionedStoreFor<K, V>

export type AnyTableStoreOption = AnyStoreOption | AnyVersionedStoreSpec

/**
 * A store of the versions of each key (KIP-889). A table that is kept in one can be asked what it
 * was as of a time, and its joins and aggregations leave out what comes late.
 */
export function versionedStore<K, V>(
  name: string,
  { history, ...options }: VersionedStoreOptions<K, V>,
): VersionedStoreSpec<K, V> {
  checkKafkaName('a store', name)
  return Object.freeze({
    kind: 'versioned',
    name,
    key: options.key,
    value: options.value,
    backend: options.backend ?? 'lmdb',
    logged: options.logged ?? true,
    changelogConfigs: Object.freeze({ ...options.changelogConfigs }),
    cached: false,
    historyMs: durationMs(history),
  })
}
