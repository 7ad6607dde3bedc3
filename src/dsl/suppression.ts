import { durationMs, type Duration } from '../core/duration.ts'
import { suppress, suppressedView, type SuppressionRule } from '../operators/suppress/suppress.ts'
import { bytes } from '../serde/bytes.ts'
import { json } from '../serde/json.ts'
import type { Windowed } from '../serde/windowed-key.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import { keyValueStore, type StoreSettings } from '../topology/key-value-store.ts'
import { after, unknownKey, type AnySerde, type TableFlow } from './flow.ts'

/** How much may wait in one partition. A limit that is left out is none: it waits on the disk. */
export interface BufferLimits {
  /** Updates: one for each key. */
  readonly records?: number
  /** What they take, keys and headers included. */
  readonly bytes?: number
}

export interface TimeLimitOptions extends BufferLimits {
  /**
   * What is done where a limit is passed: `emit-early`, the default, sends what has waited longest;
   * `stop` ends the application with `BUFFER_FULL`.
   */
  readonly whenFull?: 'emit-early' | 'stop'
}

/** Until when a table with such keys holds its updates back. */
export interface Suppression<in K> {
  /** @internal */
  readonly '~rule': (changesForMs: number | undefined) => SuppressionRule
  /** @internal Holds a type. */
  readonly '~key'?: (key: K) => void
}

export interface SuppressOptions<in K, in V> {
  /** Where updates wait; the name is what Kafka will know it by. Queries find nothing there. */
  readonly store: string | StoreSettings<K, V>
}

/**
 * Sends the result of a window once, when it has closed: the last one, as the first that anybody
 * sees. Deletions are not sent. Where the buffer is full the application ends with `BUFFER_FULL`,
 * since to send early would be to send twice. Windows close as the records come that reach this
 * step: see `emit: 'on-close'` for one that needs no buffer.
 */
export const untilWindowCloses = ({
  buffer = {},
}: { readonly buffer?: BufferLimits } = {}): Suppression<Windowed<unknown>> => {
  const limits = limitsOf(buffer)
  return {
    '~rule': (changesForMs) => {
      if (changesForMs === undefined) throw windowsUnknown()
      return {
        ...limits,
        waitMs: changesForMs,
        timeOfKey: (key) => (key as Windowed<unknown>).window.endMs,
        whenFull: 'stop',
        dropsDeletions: true,
      }
    },
  }
}

/**
 * Sends at most one update of each key in so much time: the last one, once stream time has gone on
 * by `limit` since the first that waits.
 */
export const untilTimeLimit = (
  limit: Duration,
  { whenFull = 'emit-early', ...buffer }: TimeLimitOptions = {},
): Suppression<unknown> => {
  const rule = {
    ...limitsOf(buffer),
    waitMs: durationMs(limit),
    timeOfKey: undefined,
    whenFull,
    dropsDeletions: false,
  }
  return { '~rule': () => rule }
}

/** Adds the step and its store. */
export function suppressTable(
  table: TableFlow,
  until: Suppression<never>,
  options: SuppressOptions<never, never>,
): TableFlow {
  const { name, key, value, ...settings } = settingsOf(options)
  if (table.view?.historyMs !== undefined) {
    throw invalidTopology(
      `suppress "${name}" is asked of a versioned table`,
      'Hold back a table that keeps no versions, as in Kafka Streams.',
    )
  }
  const rule = until['~rule'](table.changesForMs)
  const keySerde = (key as AnySerde | undefined) ?? table.key
  if (keySerde === undefined) throw unknownKey(`store "${name}"`)
  const valueSerde = (value as AnySerde | undefined) ?? table.value ?? json<unknown>()
  table.graph.addStore(keyValueStore(name, { ...settings, key: bytes, value: bytes }) as never)
  table.demandOldValues()
  const suppression = { ...rule, store: name, key: keySerde, value: valueSerde }
  const next = after(table, {
    operator: 'suppress',
    name: `suppress(${name})`,
    stores: [name],
    create: suppress(suppression),
  })
  return {
    ...next,
    key: keySerde,
    value: valueSerde,
    demandOldValues: () => {},
    view: table.view && suppressedView(table.view, suppression),
  }
}

function settingsOf(
  options: SuppressOptions<never, never> | undefined,
): StoreSettings<never, never> {
  const store = options?.store
  if (store !== undefined) return typeof store === 'string' ? { name: store } : store
  throw invalidTopology(
    'suppress has no store',
    "Name the place where updates wait: { store: 'clicks-final' }.",
  )
}

function limitsOf({
  records = Infinity,
  bytes: bytesMax = Infinity,
}: BufferLimits): Pick<SuppressionRule, 'recordsMax' | 'bytesMax'> {
  for (const [what, limit] of [
    ['records', records],
    ['bytes', bytesMax],
  ] as const) {
    if (limit !== Infinity && !(Number.isSafeInteger(limit) && limit > 0)) {
      throw invalidTopology(
        `a buffer cannot hold ${limit} ${what}`,
        'Give a whole number from 1, or leave it out for no limit.',
      )
    }
  }
  return { recordsMax: records, bytesMax }
}

const windowsUnknown = () =>
  invalidTopology(
    'untilWindowCloses is asked of a table whose windows are not known',
    'Use it behind an aggregation over windows, before toStream; else there is untilTimeLimit.',
  )
