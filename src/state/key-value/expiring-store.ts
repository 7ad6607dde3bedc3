import { derivedWrites } from '../derived-writes.ts'
import type { KeyValue, KeyValueStore } from '../store.ts'

export interface Expiry {
  readonly afterMs: number
  /** By the clock that rows are dated by. */
  readonly nowMs: () => number
  /** Undefined: a row has the time of its record; else it has this one. */
  readonly writtenAtMs: (() => number) | undefined
}

/** So many puts pay for looking at twice as many rows. */
const PUTS_PER_SWEEP = 64
const ROWS_PER_SWEEP = 2 * PUTS_PER_SWEEP

/**
 * A store whose rows are seen for so long after they were written, and then no more, at once. They
 * are deleted, in the changelog too, by a sweep that goes round the keys while rows are put: two
 * rows for each, so that what has expired is never much more than what has not.
 */
export function expiringStore<K, V>(
  inner: KeyValueStore<K, V>,
  { afterMs, nowMs, writtenAtMs }: Expiry,
): KeyValueStore<K, V> {
  const isExpired = (timestampMs: number): boolean => timestampMs + afterMs <= nowMs()
  const getWithTimestamp: KeyValueStore<K, V>['getWithTimestamp'] = (key) => {
    const found = inner.getWithTimestamp(key)
    return found === undefined || isExpired(found.timestampMs) ? undefined : found
  }
  const get = (key: K): V | undefined => getWithTimestamp(key)?.value
  function* seen(rows: Iterable<KeyValue<K, V>>): Generator<KeyValue<K, V>, undefined> {
    for (const row of rows) if (getWithTimestamp(row[0]) !== undefined) yield row
  }
  let puts = 0
  /** Where the next sweep begins; null: at the first row. */
  let next: K | null = null
  const sweep = (): void => {
    const expired: K[] = []
    let looked = 0
    let last: K | null = null
    for (const [key] of inner.range(next, null)) {
      if (looked === ROWS_PER_SWEEP) {
        last = key
        break
      }
      looked += 1
      const found = inner.getWithTimestamp(key)
      if (found !== undefined && isExpired(found.timestampMs)) expired.push(key)
    }
    next = last
    for (const key of expired) inner.put(key, null)
  }
  const put: KeyValueStore<K, V>['put'] = (key, value, timestampMs) => {
    inner.put(key, value, writtenAtMs === undefined ? timestampMs : writtenAtMs())
    puts += 1
    if (puts % PUTS_PER_SWEEP === 0) sweep()
  }
  return {
    name: inner.name,
    get,
    getWithTimestamp,
    range: (from, to) => seen(inner.range(from, to)),
    reverseRange: (from, to) => seen(inner.reverseRange(from, to)),
    prefixScan: (prefix) => seen(inner.prefixScan(prefix)),
    all: () => seen(inner.all()),
    approximateCount: inner.approximateCount,
    put,
    ...derivedWrites(get, put),
    onFlush: inner.onFlush,
  }
}
