import type { Meta } from '../core/record.ts'
import { streamGlobalJoin } from '../operators/join/stream-global-join.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import { after, type Flow } from './flow.ts'
import type { GlobalFlow } from './global-table.ts'

/** The key of a row, of what is in a record. */
export type RowSelector = (value: never, meta: Meta<never>) => unknown

export interface GlobalJoinStep {
  readonly isLeft: boolean
  readonly select: RowSelector
  readonly joiner: (value: never, tableValue: never, meta: Meta<never>) => unknown
}

/** The flow after a join with the rows of a global table; it keeps its keys. */
export function joinWithGlobal(
  flow: Flow,
  table: GlobalFlow,
  { isLeft, select, joiner }: GlobalJoinStep,
): Flow {
  const operator = isLeft ? 'global-left-join' : 'global-join'
  if (table.graph !== flow.graph) {
    throw invalidTopology(
      `a ${operator} is given a global table of another topology`,
      'Join tables of the builder that is at hand; topologies meet in topics.',
    )
  }
  if (typeof joiner !== 'function') {
    throw invalidTopology(
      `a ${operator} is given one function`,
      'Give two: what chooses the key of the row, then what makes a value of the record and the row.',
    )
  }
  const create = streamGlobalJoin({ store: table.store, isLeft, select, joiner })
  return after(flow, { operator, create }, { value: undefined })
}
