import { json } from '../serde/json.ts'
import { boundTo } from '../serde/registry/remote-serde.ts'
import type { Serde } from '../serde/serde.ts'
import type { TimerStoreSpec } from '../state/store-spec.ts'
import type { KeyTimer, TimerClock } from '../state/timer-store.ts'
import type { KeyValueStoreOptions } from './key-value-store.ts'
import { checkKafkaName } from './names.ts'
import type { SerdeFor } from './serde-for.ts'

export type { TimerClock, TimerStoreSpec }

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
export const timerStore = <K>(name: string, options: TimerStoreOptions<K>): TimerStoreSpec<K> =>
  timerStoreSpec(name, options, undefined)

/** A store in which records wait. */
export function waitingStore<K>(
  name: string,
  { key, value }: { readonly key: Serde<K>; readonly value: Serde<unknown> },
): TimerStoreSpec<K> {
  return timerStoreSpec(name, { key }, value)
}

function timerStoreSpec<K>(
  name: string,
  options: TimerStoreOptions<K>,
  waiting: Serde<unknown> | undefined,
): TimerStoreSpec<K> {
  checkKafkaName('a store', name)
  return Object.freeze({
    kind: 'timers',
    name,
    key: boundTo(options.key, name, 'key'),
    value: json<readonly KeyTimer[]>(),
    waiting: waiting && boundTo(waiting, name, 'value'),
    backend: options.backend ?? 'lmdb',
    logged: options.logged ?? true,
    changelogConfigs: Object.freeze({ ...options.changelogConfigs }),
    // What is set and taken out again between two commits is not logged as it is.
    cached: false,
  })
}
