import { durationMs, type Duration } from '../core/duration.ts'
import { boundTo } from '../serde/registry/remote-serde.ts'
import type { Serde } from '../serde/serde.ts'
import type { KeyValueStoreSpec, TimeToLive } from '../state/store-spec.ts'
import type { TimerClock } from '../state/timer-store.ts'
import { invalidTopology } from './invalid-topology.ts'
import { checkKafkaName } from './names.ts'
import type { SerdeFor } from './serde-for.ts'

export type { KeyValueStoreSpec }

/** How the rows of a store are written, and where they are kept. */
export interface KeyValueStoreOptions<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** `lmdb`, the default, survives a restart and may be larger than memory. */
  readonly backend?: 'lmdb' | 'memory'
  /** False keeps the store out of Kafka: it is empty after a move. True by default. */
  readonly logged?: boolean
  /** Topic configuration of the changelog, beyond `cleanup.policy=compact`. */
  readonly changelogConfigs?: Readonly<Record<string, string>>
  /**
   * Whether updates of a key are coalesced between commits where the application has a cache. True
   * by default.
   */
  readonly cached?: boolean
  /**
   * How long a row is seen after it was last written, and then deleted, in the changelog too. By
   * event time rows go by their records' timestamps and stream time, which a replay repeats; by the
   * wall clock, by when they were put. Steps that follow a table are not told.
   */
  readonly ttl?: { readonly after: Duration; readonly clock: TimerClock }
}

/** A store that can keep these keys and values. */
export interface StoreSpecFor<in K, in V> extends Omit<KeyValueStoreSpec, 'key' | 'value'> {
  readonly key: SerdeFor<K>
  readonly value: SerdeFor<V>
}

/** Where a step keeps its state: a name, or a store with settings of its own. */
export type StoreOption<K, V> = string | StoreSpecFor<K, V>

/** A name, with settings of its own; serdes where those of the stream do not fit. */
export interface StoreSettings<in K, in V> extends Omit<
  KeyValueStoreOptions<never, never>,
  'key' | 'value'
> {
  readonly name: string
  readonly key?: SerdeFor<K>
  readonly value?: SerdeFor<V>
}

/** A store of any key and value. */
export type AnyStoreSpec = StoreSpecFor<never, never>

export type AnyStoreOption = string | AnyStoreSpec

/** A key-value store; its changelog will be `<application id>-<name>-changelog`. */
export function keyValueStore<K, V>(
  name: string,
  options: KeyValueStoreOptions<K, V>,
): KeyValueStoreSpec<K, V> {
  checkKafkaName('a store', name)
  return Object.freeze({
    kind: 'key-value',
    name,
    key: boundTo(options.key, name, 'key'),
    value: boundTo(options.value, name, 'value'),
    backend: options.backend ?? 'lmdb',
    logged: options.logged ?? true,
    changelogConfigs: Object.freeze({ ...options.changelogConfigs }),
    cached: options.cached ?? true,
    ...(options.ttl === undefined ? {} : { ttl: ttlOf(name, options.ttl) }),
  })
}

function ttlOf(store: string, { after, clock }: NonNullable<AnyTtl>): TimeToLive {
  const afterMs = durationMs(after)
  if (afterMs > 0 && (clock === 'event-time' || clock === 'wall-clock')) return { afterMs, clock }
  throw invalidTopology(
    `rows of store "${store}" are to be seen for ${after} by the clock "${String(clock)}"`,
    "Write { ttl: { after: '1h', clock: 'event-time' } }, or 'wall-clock'.",
  )
}

type AnyTtl = KeyValueStoreOptions<never, never>['ttl']

/** The name alone; throws `INVALID_TOPOLOGY` where a step was given no store. */
export function storeNameOf(
  step: string,
  store: string | { readonly name: string } | undefined,
): string {
  if (store === undefined) {
    throw invalidTopology(
      `${step} has no store`,
      "Name the place where it keeps its state: { store: 'orders-by-customer' }.",
    )
  }
  return typeof store === 'string' ? store : store.name
}
