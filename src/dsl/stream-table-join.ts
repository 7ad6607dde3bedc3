import { durationMs, type Duration } from '../core/duration.ts'
import type { Meta } from '../core/record.ts'
import {
  streamTableJoin,
  streamTableJoinWithGrace,
  type StreamTableJoin,
} from '../operators/join/stream-table-join.ts'
import { waitingKey } from '../operators/join/waiting-key.ts'
import { bytes } from '../serde/bytes.ts'
import { json } from '../serde/json.ts'
import { nullable } from '../serde/nullable.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import { keyValueStore } from '../topology/key-value-store.ts'
import {
  after,
  erased,
  repartition,
  unknownKey,
  viewOf,
  type AnySerde,
  type Flow,
  type TableFlow,
} from './flow.ts'
import type { GroupOptions } from './stream-options.ts'
import type { JoinStoreSettings } from './stream-stream-join.ts'

/**
 * Serdes are for the internal topic, which a join needs only where the key was changed, and for
 * records that wait.
 */
export type TableJoinOptions<K, V> = GroupOptions<K, V> & {
  /** Required where the key was changed: `<application id>-<name>-repartition` is the topic. */
  readonly name?: string
} & Grace

type Grace =
  | { readonly grace?: undefined; readonly store?: undefined }
  | {
      /**
       * With a versioned table: how long a record waits, in stream time, for updates of the table
       * that come late. None without it. Not longer than the table's history.
       */
      readonly grace: Duration
      /** Where records wait. */
      readonly store: string | JoinStoreSettings
    }

export interface TableJoinStep<V, W> {
  readonly isLeft: boolean
  readonly joiner: (value: V, tableValue: W, meta: Meta<never>) => unknown
}

/** The flow after a join with the rows of a table. */
export function joinWithTable<V, W>(
  flow: Flow,
  table: TableFlow,
  { isLeft, joiner }: TableJoinStep<V, W>,
  options: TableJoinOptions<never, never>,
): Flow {
  const operator = isLeft ? 'left-join' : 'join'
  const view = viewOf(flow, table, operator)
  const ready = readyToJoin(flow, operator, isLeft, options)
  const join = { view, isLeft, joiner }
  const step =
    options.grace === undefined
      ? { operator, stores: view.stores, create: streamTableJoin(join) }
      : graceStep(operator, ready, join, options)
  return after(ready, step, { value: undefined })
}

function readyToJoin(
  flow: Flow,
  operator: string,
  keepsNullKeys: boolean,
  { name, ...options }: TableJoinOptions<never, never>,
): Flow {
  const { key, value } = erased(options)
  if (!flow.rekeyed) return { ...flow, key: key ?? flow.key, value: value ?? flow.value }
  if (name === undefined) {
    throw invalidTopology(
      `the key of a stream was changed before a ${operator} with a table, and its topic has no name`,
      "Name the topic in which equal keys meet: { name: 'orders-by-customer' }.",
    )
  }
  return repartition(flow, { name, key, value, keepsNullKeys })
}

/** The join of records that wait for the table, in a store. */
function graceStep<V, W>(
  operator: string,
  flow: Flow,
  join: StreamTableJoin<never, V, W>,
  options: Extract<TableJoinOptions<never, never>, { readonly grace: Duration }>,
) {
  const { view } = join
  const { name, ...settings } = settingsOf(operator, options.store)
  const graceMs = durationMs(options.grace)
  if (view.historyMs === undefined) {
    throw invalidTopology(
      `a ${operator} with grace is given a table that keeps no versions`,
      "Keep the table in a versioned store: { store: versionedStore('prices', { …, history: '1h' }) }.",
    )
  }
  if (graceMs > view.historyMs) {
    throw invalidTopology(
      `records of a ${operator} wait ${graceMs} ms for a table that knows the last ${view.historyMs} ms`,
      'Give the table a history that is at least as long as the grace.',
    )
  }
  if (flow.key === undefined) throw unknownKey(`store "${name}"`)
  const value = flow.value ?? json<unknown>()
  // A record that waits is put once, and taken out once: there is nothing to coalesce.
  const key = waitingKey(flow.key) as AnySerde
  const waiting = keyValueStore(name, { ...settings, key, value: bytes as AnySerde, cached: false })
  flow.graph.addStore(waiting)
  const place = { store: name, key: nullable<unknown>(flow.key), value }
  return {
    operator,
    name: `${operator}(${name})`,
    stores: [...view.stores, name],
    create: streamTableJoinWithGrace(join, { graceMs, place }),
  }
}

function settingsOf(operator: string, store: string | JoinStoreSettings | undefined) {
  if (store !== undefined) return typeof store === 'string' ? { name: store } : store
  throw invalidTopology(
    `a ${operator} with grace has no store`,
    "Name the place where records wait: { grace: '30s', store: 'orders-waiting' }.",
  )
}
