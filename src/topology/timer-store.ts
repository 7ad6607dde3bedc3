import { json } from '../serde/json.ts'
import type { Serde } from '../serde/serde.ts'
import type { TimerStoreSpec } from '../state/store-spec.ts'
import type { KeyTimer } from '../state/timer-store.ts'
import type { KeyValueStoreOptions } from './key-value-store.ts'
import { checkKafkaName } from './names.ts'
import type { SerdeFor } from './serde-for.ts'

export type { TimerStoreSpec }

export interface TimerStoreOptions<K> extends Pick<
  KeyValueStoreOptions<K, never>,
  'backend' | 'logged' | 'changelogConfigs'
> {
  readonly key: Serde<K>
}

/** A store of timers that can keep these keys. */
export interface TimerStoreSpecFor<in K> extends Omit<TimerStoreSpec, 'key' | 'value'> {
  readonly key: SerdeFor<K>
}

/** A store of durable timers; its changelog will be `<application id>-<name>-changelog`. */
export function timerStore<K>(name: string, options: TimerStoreOptions<K>): TimerStoreSpec<K> {
  checkKafkaName('a store', name)
  return Object.freeze({
    kind: 'timers',
    name,
    key: options.key,
    value: json<readonly KeyTimer[]>(),
    backend: options.backend ?? 'lmdb',
    logged: options.logged ?? true,
    changelogConfigs: Object.freeze({ ...options.changelogConfigs }),
    // What is set and taken out again between two commits is not logged as it is.
    cached: false,
  })
}
