import type { GlobalStep } from '../topology/graph-builder.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import {
  keyValueStore,
  type AnyStoreOption,
  type KeyValueStoreSpec,
} from '../topology/key-value-store.ts'
import type { Topic } from '../topology/topic.ts'
import type { AnySerde } from './flow.ts'
import type { GlobalSourceOptions } from './stream-options.ts'

/** How every thread reads a topic in full. */
export function globalSource<K, V>(
  { name, key, value }: Topic<K, V>,
  { timestamp, onBadRecord }: GlobalSourceOptions<K, V>,
): GlobalStep['source'] {
  if ((onBadRecord as string | undefined) === 'dead-letter') {
    throw invalidTopology(
      `records of global topic "${name}" are to go to the dead letters`,
      "Every thread reads them, outside of transactions: choose 'skip', which logs them, or 'stop'.",
    )
  }
  return {
    topics: [{ name, internal: false }],
    key,
    value,
    timestamp,
    onBadRecord,
  }
}

/** The store of a global topic: it is neither logged, for the topic is its log, nor cached. */
export function globalStoreSpec(
  store: AnyStoreOption,
  { key, value }: GlobalStep['source'],
): KeyValueStoreSpec {
  const spec = (
    typeof store === 'string'
      ? keyValueStore(store, { key: key as AnySerde, value: value as AnySerde })
      : store
  ) as KeyValueStoreSpec
  if (spec.kind !== 'key-value') {
    throw invalidTopology(
      `global store "${spec.name}" is no key-value store`,
      'Declare it with keyValueStore(name, { key, value }).',
    )
  }
  if (spec.ttl !== undefined) {
    throw invalidTopology(
      `rows of global store "${spec.name}" are to expire`,
      'Leave out ttl: its rows are those of the topic, where a tombstone deletes one.',
    )
  }
  if (Object.keys(spec.changelogConfigs).length > 0) {
    throw invalidTopology(
      `global store "${spec.name}" has settings for a changelog`,
      'Leave them out: the topic that it is read from is its changelog.',
    )
  }
  return Object.freeze({ ...spec, logged: false, cached: false })
}
