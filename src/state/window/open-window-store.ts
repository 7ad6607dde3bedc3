import { derivedWrites } from '../derived-writes.ts'
import type { Windowed } from '../../serde/windowed-key.ts'
import { successor } from '../byte-order.ts'
import type { KeyValueStoreContext } from '../key-value/key-value-store.ts'
import type { SessionStoreSpec, WindowStoreSpec } from '../store-spec.ts'
import type { KeyValue, KeyValueStore, StoreHandle } from '../store.ts'
import type { Progressive, RecordRows, SessionStore, WindowStore } from '../window-store.ts'
import { KeptRecords } from './kept-records.ts'
import { isProgress, PROGRESS_KEY } from './saved-progress.ts'
import { WindowedRows, type WindowedSpec } from './windowed-rows.ts'

type Opened<S> = StoreHandle & { readonly store: S }

/** A window store at work: for operators and queries its `store`, the rest for the runtime. */
export function openWindowStore<K, V>(
  spec: WindowStoreSpec<K, V>,
  context: KeyValueStoreContext,
): Opened<WindowStore<K, V> & Progressive> {
  const rows = new WindowedRows(spec, context)
  const common = windowedStore(spec, rows, context)
  const records = spec.duplicates ? new KeptRecords(rows, context) : undefined
  const store: WindowStore<K, V> & Progressive & Partial<RecordRows<K, V>> = {
    ...common,
    ...(records === undefined ? {} : recordWords(records, context)),
    progress: rows.saved,
    streamTimeOf: (input) => rows.saved.streamTimeOf(input),
    fetch: (key, fromMs, toMs) => rows.ofKey(key, fromMs, toMs, 'forward'),
    backwardFetch: (key, fromMs, toMs) => rows.ofKey(key, fromMs, toMs, 'backward'),
    fetchAll: (fromMs, toMs) => rows.byTime(visible(rows, fromMs), toMs, 'forward'),
    backwardFetchAll: (fromMs, toMs) => rows.byTime(visible(rows, fromMs), toMs, 'backward'),
  }
  return handleOf(spec, rows, context, store, () => records?.clear())
}

function recordWords<K, V>(
  records: KeptRecords<K, V>,
  { meta }: KeyValueStoreContext,
): Pick<WindowStore<K, V>, 'put'> & RecordRows<K, V> {
  return {
    put: ({ key, window }, value, timestampMs = meta.timestampMs) => {
      // As in Kafka Streams: of several rows none can be deleted.
      if (value !== null) records.put(key, window.startMs, value, timestampMs)
    },
    each: records.each,
    add: records.add,
  }
}

/** A session store at work. */
export function openSessionStore<K, V>(
  spec: SessionStoreSpec<K, V>,
  context: KeyValueStoreContext,
): Opened<SessionStore<K, V> & Progressive> {
  const rows = new WindowedRows(spec, context)
  const store: SessionStore<K, V> & Progressive = {
    ...windowedStore(spec, rows, context),
    progress: rows.saved,
    streamTimeOf: (input) => rows.saved.streamTimeOf(input),
    *findSessions(key, earliestEndMs, latestStartMs) {
      for (const row of rows.ofKey(key, earliestEndMs, Infinity, 'forward')) {
        // Sessions of a key do not overlap: the later ones start later.
        if (row[0].window.startMs > latestStartMs) return
        yield row
      }
    },
    fetch: (key) => rows.ofKey(key, 0, Infinity, 'forward'),
    fetchEnded: (fromMs, toMs) => rows.byTime(Math.max(fromMs, rows.keptFromMs), toMs, 'forward'),
  }
  return handleOf(spec, rows, context, store)
}

const visible = (rows: { readonly visibleFromMs: number }, fromMs: number): number =>
  Math.max(fromMs, rows.visibleFromMs)

/** A key-value store by windowed keys, with a retention. */
function windowedStore<K, V>(
  { name }: WindowedSpec<K, V>,
  rows: WindowedRows<K, V>,
  { meta }: KeyValueStoreContext,
): KeyValueStore<Windowed<K>, V> {
  const { layout, layer, cache } = rows
  type Found = IterableIterator<KeyValue<Windowed<K>, V>>
  const between = (
    from: Windowed<K> | null,
    to: Windowed<K> | null,
    direction: 'forward' | 'backward',
  ): Found => {
    const end = to === null ? PROGRESS_KEY : successor(layout.serde.serialize(to))
    return filtered(
      layer.range(from === null ? null : layout.serde.serialize(from), end, direction),
      ([key]) => rows.isVisible(key),
    )
  }
  const get = (key: Windowed<K>): V | undefined =>
    rows.isVisible(key) ? rows.read(key).value : undefined
  const put = (key: Windowed<K>, value: V | null, timestampMs = meta.timestampMs): void =>
    rows.write(key, value, timestampMs)
  return {
    name,
    get,
    getWithTimestamp: (key) => {
      if (!rows.isVisible(key)) return undefined
      const { value, timestampMs } = rows.read(key)
      return value === undefined ? undefined : { value, timestampMs }
    },
    range: (from, to) => between(from, to, 'forward'),
    reverseRange: (from, to) => between(from, to, 'backward'),
    prefixScan: (prefix) =>
      filtered(
        between(null, null, 'forward'),
        ([{ key }]) =>
          Buffer.compare(layout.keyBytes(key).subarray(0, prefix.length), prefix) === 0,
      ),
    all: () => rows.byTime(rows.visibleFromMs, Infinity, 'forward'),
    approximateCount: layer.approximateCount,
    put,
    ...derivedWrites(get, put),
    onFlush: (listener) => {
      if (cache !== undefined) cache.listener = listener
      return cache !== undefined
    },
  }
}

function* filtered<T>(all: Iterable<T>, predicate: (each: T) => boolean): Generator<T, undefined> {
  for (const each of all) if (predicate(each)) yield each
}

function handleOf<K, V, S>(
  { name }: WindowedSpec<K, V>,
  rows: WindowedRows<K, V>,
  { meta }: KeyValueStoreContext,
  store: S,
  forget: () => void = () => {},
): Opened<S> {
  const { buffer } = rows.rows
  const handle: Omit<StoreHandle, 'store'> & { readonly store: S } = {
    name,
    store,
    flush: () => rows.flush(meta),
    dirtyBytes: () => buffer.dirtyBytes() + (rows.cache?.pendingBytes() ?? 0),
    checkpoint: () => buffer.checkpoint(),
    restoredEntry: (key, value, timestampMs) => {
      rows.saved.forget()
      forget()
      if (isProgress(key)) return [PROGRESS_KEY, value]
      return rows.restoredEntry(key, value, timestampMs)
    },
    close: () => {
      rows.clear()
      forget()
    },
  }
  // The runtime holds handles of stores of any type: in `StoreHandle` the store is typed for none.
  return handle as unknown as Opened<S>
}
