import type { Meta } from '../core/record.ts'
import { streamTableJoin } from '../operators/join/stream-table-join.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import {
  after,
  repartition,
  viewOf,
  type Flow,
  type SerdeOverrides,
  type TableFlow,
} from './flow.ts'
import type { GroupOptions } from './stream-options.ts'

/** Serdes are for the internal topic, which a join needs only where the key was changed. */
export interface TableJoinOptions<K, V> extends GroupOptions<K, V> {
  /** Required where the key was changed: `<application id>-<name>-repartition` is the topic. */
  readonly name?: string
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
  options: SerdeOverrides & { readonly name: string | undefined },
): Flow {
  const operator = isLeft ? 'left-join' : 'join'
  const view = viewOf(flow, table, operator)
  const create = streamTableJoin({ view, isLeft, joiner })
  const ready = readyToJoin(flow, operator, isLeft, options)
  return after(ready, { operator, stores: view.stores, create }, { value: undefined })
}

function readyToJoin(
  flow: Flow,
  operator: string,
  keepsNullKeys: boolean,
  { name, key, value }: SerdeOverrides & { readonly name: string | undefined },
): Flow {
  if (!flow.rekeyed) return { ...flow, key: key ?? flow.key }
  if (name === undefined) {
    throw invalidTopology(
      `the key of a stream was changed before a ${operator} with a table, and its topic has no name`,
      "Name the topic in which equal keys meet: { name: 'orders-by-customer' }.",
    )
  }
  return repartition(flow, { name, key, value, keepsNullKeys })
}
