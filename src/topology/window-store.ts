import { durationMs, type Duration } from '../core/duration.ts'
import { boundTo } from '../serde/registry/remote-serde.ts'
import type { Serde } from '../serde/serde.ts'
import { sessionWindowed, timeWindowed } from '../serde/windowed-key.ts'
import type { SessionStoreSpec, StoreSpec, WindowStoreSpec } from '../state/store-spec.ts'
import type { KeyValueStoreOptions } from './key-value-store.ts'
import { checkKafkaName } from './names.ts'
import type { SerdeFor } from './serde-for.ts'

export type { SessionStoreSpec, StoreSpec, WindowStoreSpec }

export interface WindowStoreOptions<K, V> extends KeyValueStoreOptions<K, V> {
  /** How long a row is kept after its window has started, in event time. */
  readonly retention: Duration
  /** The length of its windows. */
  readonly size: Duration
  /** Keeps every row that is put for a key and a start. False by default. */
  readonly duplicates?: boolean
}

export interface SessionStoreOptions<K, V> extends KeyValueStoreOptions<K, V> {
  /** How long a session is kept after its end, in event time. */
  readonly retention: Duration
  /** The inactivity gap of its sessions. */
  readonly gap: Duration
}

/** A window or session store of any key and value. */
export type AnyWindowedStoreSpec = WindowedFor<WindowStoreSpec> | WindowedFor<SessionStoreSpec>

type WindowedFor<S> = Omit<S, 'key' | 'innerKey' | 'value'> & {
  readonly key: SerdeFor<never>
  readonly innerKey: SerdeFor<never>
  readonly value: SerdeFor<never>
}

/** A store of rows by key and window; its changelog is `<application id>-<name>-changelog`. */
export const windowStore = <K, V>(
  name: string,
  { retention, size, ...options }: WindowStoreOptions<K, V>,
): WindowStoreSpec<K, V> =>
  windowStoreSpec(name, options, {
    retentionMs: durationMs(retention),
    sizeMs: durationMs(size),
    groupMs: durationMs(size),
    duplicates: options.duplicates ?? false,
  })

/** A store of rows by key and session. */
export const sessionStore = <K, V>(
  name: string,
  { retention, gap, ...options }: SessionStoreOptions<K, V>,
): SessionStoreSpec<K, V> =>
  sessionStoreSpec(name, options, { retentionMs: durationMs(retention), gapMs: durationMs(gap) })

export function windowStoreSpec<K, V>(
  name: string,
  options: KeyValueStoreOptions<K, V>,
  windows: {
    readonly retentionMs: number
    readonly sizeMs: number
    readonly groupMs: number
    readonly duplicates: boolean
  },
): WindowStoreSpec<K, V> {
  const settings = settingsOf(name, options)
  return Object.freeze({
    kind: 'window',
    ...settings,
    ...windows,
    key: timeWindowed(settings.innerKey, windows.sizeMs),
    // Of duplicates none replaces another: there is nothing to coalesce.
    cached: !windows.duplicates && (options.cached ?? true),
  })
}

export const sessionStoreSpec = <K, V>(
  name: string,
  options: KeyValueStoreOptions<K, V>,
  { retentionMs, gapMs }: { readonly retentionMs: number; readonly gapMs: number },
): SessionStoreSpec<K, V> => {
  const settings = settingsOf(name, options)
  return Object.freeze({
    kind: 'session',
    ...settings,
    retentionMs,
    groupMs: Math.max(gapMs, 1),
    key: sessionWindowed(settings.innerKey),
  })
}

function settingsOf<K, V>(name: string, options: KeyValueStoreOptions<K, V>) {
  checkKafkaName('a store', name)
  const serde: Serde<K> = boundTo(options.key, name, 'key')
  return {
    name,
    innerKey: serde,
    value: boundTo(options.value, name, 'value'),
    backend: options.backend ?? ('lmdb' as const),
    logged: options.logged ?? true,
    changelogConfigs: Object.freeze({ ...options.changelogConfigs }),
    cached: options.cached ?? true,
  }
}
