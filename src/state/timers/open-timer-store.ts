import { messageOf, StreamsError } from '../../core/errors.ts'
import { prefixEnd, successor } from '../byte-order.ts'
import { byteString, bytesOf } from '../byte-string.ts'
import { derivedWrites } from '../derived-writes.ts'
import type { KeyValueStoreContext } from '../key-value/key-value-store.ts'
import type { TimerStoreSpec } from '../store-spec.ts'
import type { KeyValue, KeyValueStore, StoreHandle } from '../store.ts'
import type { KeyTimer, TimerClock, TimerStore } from '../timer-store.ts'
import { ALL_KEYS, keyRows, keysFrom, noClock, partsOf, textsOf } from './timer-layout.ts'
import { textsOfTaken, TimerRows, type TimerRow } from './timer-rows.ts'

const NO_PAYLOAD = new Uint8Array(1)
const NAME_CHARACTERS_MAX = 1_000
/** Numbers in base 36 of so many digits last for ever, and sort as the numbers do. */
const PLACE_DIGITS = 9

const codes = { 'event-time': 1, 'wall-clock': 2 } as const
const clocks = [undefined, 'event-time', 'wall-clock'] as const

/** A store of timers at work: for operators and queries its `store`, the rest for the runtime. */
export function openTimerStore<K>(
  spec: TimerStoreSpec<K>,
  { bytes, changelog, meta }: KeyValueStoreContext,
): StoreHandle & { readonly store: TimerStore<K> } {
  const rows = new TimerRows(bytes, changelog, meta)
  const handle: Omit<StoreHandle, 'store'> & { readonly store: TimerStore<K> } = {
    name: spec.name,
    store: timerStore(spec, rows),
    flush: () => rows.flush(),
    dirtyBytes: () => rows.buffer.dirtyBytes(),
    checkpoint: () => rows.buffer.checkpoint(),
    restoredEntry: (key, value) => {
      rows.restore(key, value)
      return undefined
    },
    close: () => rows.clear(),
  }
  // The runtime holds handles of stores of any type: in `StoreHandle` the store is typed for none.
  return handle as unknown as StoreHandle & { readonly store: TimerStore<K> }
}

function timerStore<K>(spec: TimerStoreSpec<K>, rows: TimerRows): TimerStore<K> {
  const encoded = keyEncoder(spec)
  const decoded = keyDecoder(spec)
  const set: TimerStore<K>['set'] = (key, name, atMs, clock, payload = NO_PAYLOAD) => {
    checkTimer(spec.name, name, atMs)
    const wholeMs = Math.min(Math.max(0, Math.ceil(atMs)), Number.MAX_SAFE_INTEGER)
    rows.put(textsOf(encoded(key), name, codes[clock], wholeMs), byteString(payload))
  }
  const nextPlace = (): string => rows.nextNumber().toString(36).padStart(PLACE_DIGITS, '0')
  return {
    ...asKeyValueStore(spec.name, rows, { encoded, decoded }, set),
    nextMs: (clock) => rows.nextMs(codes[clock]),
    take: (clock, untilMs) => {
      if (rows.nextMs(codes[clock]) > untilMs) return undefined
      const byTime = rows.shift(codes[clock])
      if (byTime === undefined) return undefined
      const texts = textsOfTaken(byTime)
      const payload = bytesOf(rows.valueOf(texts.byKey) ?? '')
      const { key: keyBytes, name, atMs } = partsOf(texts.byKey)
      rows.delete(texts)
      return { key: decoded(keyBytes), keyBytes, name, atMs, clock, payload }
    },
    set,
    cancel: (key, name) => rows.cancel(keyRows(encoded(key), name)),
    unset: (key, name, atMs, clock) => rows.delete(textsOf(encoded(key), name, codes[clock], atMs)),
    *from(clock, fromMs) {
      for (const { key: keyBytes, name, atMs, value } of rows.byTime(codes[clock], fromMs)) {
        const payload = bytesOf(value)
        yield { key: decoded(keyBytes), keyBytes, name, atMs, clock, payload }
      }
    },
    append: (key, payload) => {
      const place = nextPlace()
      rows.putNew(textsOf(encoded(key), place, noClock, 0), byteString(payload))
      return place
    },
    *queue(key) {
      for (const { clock, name, value } of rows.prefixed(keyRows(encoded(key)))) {
        if (clock === noClock) yield { place: name, payload: bytesOf(value) }
      }
    },
    *queues() {
      for (const { key, clock, name, value } of rows.prefixed(ALL_KEYS)) {
        if (clock !== noClock) continue
        yield [decoded(key), { place: name, payload: bytesOf(value) }]
      }
    },
    remove: (key, place) => rows.delete(textsOf(encoded(key), place, noClock, 0)),
    count: (key) => rows.countOf(encoded(key)),
    nextPlace,
  }
}

function checkTimer(store: string, name: string, atMs: number): void {
  if (Number.isNaN(atMs)) {
    throw new StreamsError('PROCESSING_FAILED', {
      message: `timer "${name}" of store "${store}" is set for no time (NaN)`,
      hint: 'Give milliseconds since the epoch, such as context.wallClockMs + 60_000.',
    })
  }
  if (name.length <= NAME_CHARACTERS_MAX) return
  throw new StreamsError('PROCESSING_FAILED', {
    message: `a timer of store "${store}" has a name of ${name.length} characters`,
    hint: 'Give timers short names, and keep data in a store.',
  })
}

interface KeyCodec<K> {
  readonly encoded: (key: K) => Uint8Array
  readonly decoded: (bytes: Uint8Array) => K
}

const keyDecoder =
  <K>({ name, key: serde }: TimerStoreSpec<K>): ((bytes: Uint8Array) => K) =>
  (bytes) => {
    try {
      return serde.deserialize(bytes)
    } catch (error) {
      throw new StreamsError('SERDE_FAILED', {
        message: `store "${name}" cannot read a key with ${serde.name}: ${messageOf(error)}`,
        hint: 'Give the store the serde that its keys were written with.',
        cause: error,
      })
    }
  }

/** The same key is often asked for several times in a row. */
function keyEncoder<K>({ name, key: serde }: TimerStoreSpec<K>): (key: K) => Uint8Array {
  let last: K | undefined
  let lastBytes: Uint8Array | undefined
  return (key) => {
    // An object may have changed meanwhile.
    if (key === last && lastBytes !== undefined && typeof key === 'string') return lastBytes
    try {
      lastBytes = serde.serialize(key)
      last = key
      return lastBytes
    } catch (error) {
      throw new StreamsError('SERDE_FAILED', {
        message: `store "${name}" cannot serialise a key with ${serde.name}: ${messageOf(error)}`,
        hint: 'Give the store the serde of its keys, or change the keys.',
        cause: error,
      })
    }
  }
}

/** The timers of each key, as queries see them; the queues are not seen. */
function asKeyValueStore<K>(
  name: string,
  rows: TimerRows,
  { encoded, decoded }: KeyCodec<K>,
  set: TimerStore<K>['set'],
): KeyValueStore<K, readonly KeyTimer[]> {
  function* between(
    from: Uint8Array,
    to: Uint8Array | null,
    direction: 'forward' | 'backward' = 'forward',
  ): Generator<KeyValue<K, readonly KeyTimer[]>, undefined> {
    for (const [key, timers] of grouped(rows.byKey(from, to, direction))) {
      yield [decoded(key), timers.map(toKeyTimer).sort((a, b) => a.atMs - b.atMs)]
    }
  }
  const end = (to: K | null): Uint8Array | null =>
    to === null ? prefixEnd(ALL_KEYS) : keysFrom(successor(encoded(to)))
  const start = (from: K | null): Uint8Array => (from === null ? ALL_KEYS : keysFrom(encoded(from)))
  const ofKey = (key: K): Uint8Array => keyRows(encoded(key))
  const get = (key: K): readonly KeyTimer[] | undefined =>
    between(ofKey(key), prefixEnd(ofKey(key))).next().value?.[1]
  const put = (key: K, timers: readonly KeyTimer[] | null): void => {
    for (const { texts } of [...rows.prefixed(ofKey(key))]) rows.delete(texts)
    for (const timer of timers ?? []) set(key, timer.name, timer.atMs, timer.clock)
  }
  return {
    name,
    get,
    getWithTimestamp: (key) => {
      const value = get(key)
      return value && { value, timestampMs: value[0]?.atMs ?? 0 }
    },
    range: (from, to) => between(start(from), end(to)),
    reverseRange: (from, to) => between(start(from), end(to), 'backward'),
    prefixScan: (prefix) => between(keysFrom(prefix), prefixEnd(keysFrom(prefix))),
    all: () => between(ALL_KEYS, prefixEnd(ALL_KEYS)),
    approximateCount: () => Math.ceil(rows.buffer.approximateCount() / 2),
    put,
    ...derivedWrites(get, put),
    onFlush: () => false,
  }
}

const toKeyTimer = ({ name, clock, atMs }: TimerRow): KeyTimer => ({
  name,
  atMs,
  clock: clocks[clock] as TimerClock,
})

function* grouped(
  rows: Iterable<TimerRow>,
): Generator<readonly [key: Uint8Array, timers: TimerRow[]], undefined> {
  let group: TimerRow[] = []
  for (const row of rows) {
    if (row.clock === noClock) continue
    const last = group[0]
    if (last !== undefined && Buffer.compare(last.key, row.key) !== 0) {
      yield [last.key, group]
      group = []
    }
    group.push(row)
  }
  const last = group[0]
  if (last !== undefined) yield [last.key, group]
}
