import type { Serde } from '../serde/serde.ts'

/** A store as a topology declares it: data only, the runtime builds it. */
export interface KeyValueStoreSpec<K = unknown, V = unknown> {
  readonly kind: 'key-value'
  /** Given by a person; the changelog topic is `<application id>-<name>-changelog`. */
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  /**
   * `lmdb` survives a restart and may be larger than memory; `memory` is restored from its
   * changelog.
   */
  readonly backend: 'lmdb' | 'memory'
  /** False keeps the store out of Kafka: it is empty after a move. */
  readonly logged: boolean
  /** Topic configuration of the changelog, beyond `cleanup.policy=compact`. */
  readonly changelogConfigs: Readonly<Record<string, string>>
  /** Whether updates are coalesced between commits when the application has a cache. */
  readonly cached: boolean
}

export type StoreSpec<K = unknown, V = unknown> = KeyValueStoreSpec<K, V>
