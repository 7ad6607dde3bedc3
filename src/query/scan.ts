import { StreamsError } from '../core/errors.ts'
import type { Serde } from '../serde/serde.ts'
import { compareBytes } from '../state/byte-order.ts'
import type { StoreSpec } from '../state/store-spec.ts'
import type { ReadOnlyKeyValueStore } from '../state/store.ts'
import type { ReadOnlySessionStore, ReadOnlyWindowStore } from '../state/window-store.ts'

/** Which rows of a store, in bytes and numbers, as threads are asked for them. */
export type Scan =
  | {
      readonly kind: 'range'
      /** Both ends inclusive; null is unbounded. */
      readonly from: Uint8Array | null
      readonly to: Uint8Array | null
      readonly reverse: boolean
    }
  | { readonly kind: 'prefix'; readonly prefix: Uint8Array }
  | {
      readonly kind: 'fetch'
      /** Without its window. */
      readonly key: Uint8Array
      readonly fromMs: number
      readonly toMs: number
    }
  | {
      /** Of every key: windows by their start, sessions by their end. */
      readonly kind: 'fetchAll'
      readonly fromMs: number
      readonly toMs: number
      /** At the end of a key's bytes: what rows go by first. */
      readonly timeBytes: number
    }

export type FoundRow = readonly [key: Uint8Array, value: Uint8Array]

export interface FoundRows {
  readonly rows: readonly FoundRow[]
  /** False: there are more than were asked for. */
  readonly complete: boolean
}

type Row = readonly [key: unknown, value: unknown]

/** At most so many rows of one open store, as its serdes write them. */
export function scanStore(spec: StoreSpec, store: object, scan: Scan, limit: number): FoundRows {
  const rows: FoundRow[] = []
  const [key, value] = [spec.key as Serde<unknown>, spec.value as Serde<unknown>]
  for (const row of rowsOf(spec, store, scan)) {
    if (rows.length === limit) return { rows, complete: false }
    rows.push([key.serialize(row[0]), value.serialize(row[1])])
  }
  return { rows, complete: true }
}

function rowsOf(spec: StoreSpec, store: object, scan: Scan): Iterable<Row> {
  checkScan(spec, scan.kind)
  const keys = store as ReadOnlyKeyValueStore<unknown, unknown>
  switch (scan.kind) {
    case 'range': {
      const [from, to] = [scan.from, scan.to].map((bytes) =>
        bytes === null ? null : spec.key.deserialize(bytes),
      ) as [unknown, unknown]
      return scan.reverse ? keys.reverseRange(from, to) : keys.range(from, to)
    }
    case 'prefix':
      return keys.prefixScan(scan.prefix)
    case 'fetch':
      return fetched(spec, store, scan)
    case 'fetchAll':
      return fetchedOfAll(spec, store, scan)
  }
}

function fetched(spec: StoreSpec, store: object, scan: Scan & { kind: 'fetch' }): Iterable<Row> {
  const { fromMs, toMs } = scan
  if (spec.kind === 'window') {
    const windows = store as ReadOnlyWindowStore<unknown, unknown>
    return windows.fetch(spec.innerKey.deserialize(scan.key), fromMs, toMs)
  }
  if (spec.kind !== 'session') return []
  const sessions = store as ReadOnlySessionStore<unknown, unknown>
  return sessions.findSessions(spec.innerKey.deserialize(scan.key), fromMs, toMs)
}

function fetchedOfAll(
  spec: StoreSpec,
  store: object,
  { fromMs, toMs }: Scan & { kind: 'fetchAll' },
): Iterable<Row> {
  if (spec.kind === 'window') {
    return (store as ReadOnlyWindowStore<unknown, unknown>).fetchAll(fromMs, toMs)
  }
  if (spec.kind !== 'session') return []
  return (store as ReadOnlySessionStore<unknown, unknown>).fetchEnded(fromMs, toMs)
}

/** A window's key ends with its start, a session's with its end and its start. */
export const timeBytesOf = ({ kind }: StoreSpec): number => (kind === 'session' ? 16 : 8)

/** Not every kind of store has every kind of rows; `INVALID_CONFIG` says what it has. */
export function checkScan({ name, kind }: StoreSpec, scan: Scan['kind']): void {
  const isWindowed = kind === 'window' || kind === 'session'
  const isByTime = scan === 'fetch' || scan === 'fetchAll'
  if (isByTime ? isWindowed : kind === 'key-value' || kind === 'versioned') return
  throw new StreamsError('INVALID_CONFIG', {
    message: `store "${name}" is a ${kind} store, which has no ${scan}`,
    hint: isWindowed
      ? 'Ask for the windows of a key, by fetch, or of all keys, by fetchAll.'
      : 'Fetch is of stores of windows; ask others by get, and by range unless they are timers.',
  })
}

/** The rows of several tasks as one answer, in the order of the scan. */
export function merged(answers: readonly FoundRows[], scan: Scan, limit: number): FoundRows {
  const [only] = answers
  if (only !== undefined && answers.length === 1) return only
  const rows = answers.flatMap((answer) => answer.rows)
  rows.sort(([a], [b]) => compareKeys(a, b, scan))
  const complete = rows.length <= limit && answers.every((answer) => answer.complete)
  return { rows: rows.slice(0, limit), complete }
}

/** As the stores go through them. */
function compareKeys(a: Uint8Array, b: Uint8Array, scan: Scan): number {
  if (scan.kind === 'range' && scan.reverse) return compareBytes(b, a)
  if (scan.kind !== 'fetchAll') return compareBytes(a, b)
  const [timeA, timeB] = [a, b].map((key) => key.subarray(-scan.timeBytes)) as [
    Uint8Array,
    Uint8Array,
  ]
  return compareBytes(timeA, timeB) || compareBytes(a, b)
}
