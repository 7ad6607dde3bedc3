import type { Headers } from '../core/record.ts'
import type { KeyValueStore } from '../state/store.ts'
import { isVersioned, type VersionedStore } from '../state/versioned-store.ts'
import type { Change, Emit, OperatorContext } from '../topology/processor.ts'

type Update<K, V> = (
  key: K,
  newValue: V | null,
  oldValue: V | null,
  timestampMs: number,
  headers: Headers,
) => void

/** A table's rows, and how an update goes on to the steps that follow. */
export interface TableStore<K, V> {
  readonly rows: KeyValueStore<K, V>
  /**
   * Puts the row and announces it. `recordMs` is the time of the record that made it, where the row
   * has another one: as in Kafka Streams, a deletion that leaves a cache has the record's time,
   * though one that is forwarded at once has the row's.
   *
   * In a versioned store the row is one of the versions: late where there is a later one, and left
   * out (counted as dropped) where it is older than the history.
   */
  readonly update: (...row: [...Parameters<Update<K, V>>, recordMs?: number]) => void
  /** For a row that was put: forwards it at once, unless it will be when it leaves the cache. */
  readonly announce: Update<K, V>
}

/**
 * An update is forwarded at once, or, where the store is cached, when it leaves the cache: then
 * coalesced with the others of its key (KIP-63).
 */
export function tableStore<K, V>(
  context: OperatorContext,
  name: string,
  emit: Emit,
): TableStore<K, V> {
  const rows = context.store<K, V>(name)
  const forward: Update<K, V> = (key, newValue, oldValue, timestampMs, headers) => {
    const change: Change = { newValue, oldValue }
    emit(key, change, timestampMs, headers)
  }
  if (isVersioned(rows)) return versionedTableStore(rows, forward, emit, context)
  const announce = rows.onFlush(forward) ? () => {} : forward
  return {
    rows,
    announce,
    update: (key, newValue, oldValue, timestampMs, headers, recordMs = timestampMs) => {
      rows.put(key, newValue, newValue === null ? recordMs : timestampMs)
      announce(key, newValue, oldValue, timestampMs, headers)
    },
  }
}

const versionedTableStore = <K, V>(
  rows: VersionedStore<K, V>,
  announce: Update<K, V>,
  emit: Emit,
  { recordDropped }: OperatorContext,
): TableStore<K, V> => ({
  rows,
  announce,
  update: (key, newValue, oldValue, timestampMs, headers) => {
    const place = rows.put(key, newValue, timestampMs)
    switch (place) {
      case 'latest':
        announce(key, newValue, oldValue, timestampMs, headers)
        return
      case 'late': {
        const change: Change = { newValue, oldValue, isLate: true }
        emit(key, change, timestampMs, headers)
        return
      }
      case 'expired':
        recordDropped('older than the history of a versioned table', 'late')
    }
  },
})
